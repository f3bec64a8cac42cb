//! A browser's cookies (RFC 6265bis, section 5.7), as far as one host over one connection shows them.
//!
//! | a `Set-Cookie` | |
//! |---|---|
//! | of the same name, domain and path as a kept cookie | takes its place |
//! | with another of the three | is a cookie beside it |
//! | with `Max-Age=0` | removes the one of its name, domain and path, and no other |
//! | with `__Host-`, and not `Secure`, `Path=/` and without a domain | is ignored |
//! | for a domain that the host is not in | is ignored |
//! | not `Secure`, where one of the name is | is ignored: what came in the clear replaces nothing that did not |
//!
//! It takes `Secure` cookies, as browsers do over TLS and from this machine. Time does not pass in it.

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    name: String,
    value: String,
    domain: Option<String>,
    path: String,
    is_secure: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Jar {
    host: String,
    kept: Vec<Kept>,
}

impl Jar {
    pub(crate) fn of(host: &str) -> Self {
        Self { host: host.into(), kept: Vec::new() }
    }

    /// What a response sets.
    pub(crate) fn take(&mut self, set_cookie: &str) {
        let mut parts = set_cookie.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let (mut domain, mut path, mut is_secure, mut is_over) = (None, "/".to_owned(), false, false);
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            match attribute.to_ascii_lowercase().as_str() {
                "domain" => domain = Some(value.trim_start_matches('.').to_ascii_lowercase()),
                "path" => value.clone_into(&mut path),
                "secure" => is_secure = true,
                "max-age" => is_over = value.parse::<i64>().unwrap() <= 0,
                "httponly" | "samesite" => {}
                other => panic!("an attribute that is not known here: {other}"),
            }
        }
        let (name, value) = (name.to_owned(), value.to_owned());
        let is_host_prefixed = name.to_ascii_lowercase().starts_with("__host-");
        let is_promise_kept = !is_host_prefixed || (is_secure && path == "/" && domain.is_none());
        let is_our_domain = domain.as_deref().is_none_or(|domain| {
            self.host == domain || self.host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        });
        let would_replace_secure =
            !is_secure && self.kept.iter().any(|kept| kept.name == name && kept.is_secure);
        if !is_promise_kept || !is_our_domain || would_replace_secure {
            return;
        }
        self.kept.retain(|kept| (&kept.name, &kept.domain, &kept.path) != (&name, &domain, &path));
        if !is_over {
            self.kept.push(Kept { name, value, domain, path, is_secure });
        }
    }

    /// The `Cookie` header of a request for this path.
    pub(crate) fn header(&self, path: &str) -> Option<String> {
        let path = path.split('?').next().unwrap_or_default();
        let is_sent = |kept: &&Kept| {
            path.strip_prefix(&kept.path)
                .is_some_and(|rest| kept.path.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
        };
        let pairs: Vec<String> =
            self.kept.iter().filter(is_sent).map(|kept| format!("{}={}", kept.name, kept.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.kept.iter().find(|kept| kept.name == name).map(|kept| kept.value.as_str())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}
