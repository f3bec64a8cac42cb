//! Keys that sign as ours do, and as `jsonwebtoken` reads them: one of each algorithm.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use doorward::{Algorithm, SigningKey};
use jsonwebtoken::{DecodingKey, EncodingKey, crypto};
use serde_json::{Value, json};

/// A key, twice.
pub(super) struct Signer {
    pub(super) kid: String,
    pub(super) ours: Algorithm,
    pub(super) theirs: jsonwebtoken::Algorithm,
    pub(super) signing: SigningKey,
    pub(super) decoding: DecodingKey,
    encoding: EncodingKey,
    /// What everybody may read of it; of a secret, the secret.
    pub(super) jwk: Value,
}

impl Signer {
    /// One of each algorithm, in their order.
    pub(super) fn all() -> &'static [Self; 4] {
        static ALL: OnceLock<[Signer; 4]> = OnceLock::new();
        ALL.get_or_init(Self::make)
    }

    /// The compact form of these two parts, signed.
    pub(super) fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        let input = format!("{header}.{claims}");
        let signature = crypto::sign(input.as_bytes(), &self.encoding, self.theirs).expect("the key signs");
        format!("{input}.{signature}")
    }

    fn make() -> [Self; 4] {
        use jsonwebtoken::Algorithm as Theirs;
        let [ed, ec, rsa] = PEM.map(str::as_bytes);
        let secret = [0x5a; 32];
        [
            Self::public(0, Algorithm::EdDsa, Theirs::EdDSA, EncodingKey::from_ed_pem(ed).expect("a key")),
            Self::public(1, Algorithm::Es256, Theirs::ES256, EncodingKey::from_ec_pem(ec).expect("a key")),
            Self {
                kid: "shared".into(),
                ours: Algorithm::Hs256,
                theirs: Theirs::HS256,
                signing: SigningKey::from_secret("shared", &secret).expect("a key"),
                decoding: DecodingKey::from_secret(&secret),
                encoding: EncodingKey::from_secret(&secret),
                jwk: json!({"kty": "oct", "kid": "shared", "k": BASE64_URL_SAFE_NO_PAD.encode(secret)}),
            },
            Self::public(2, Algorithm::Rs256, Theirs::RS256, EncodingKey::from_rsa_pem(rsa).expect("a key")),
        ]
    }

    fn public(pem: usize, ours: Algorithm, theirs: jsonwebtoken::Algorithm, encoding: EncodingKey) -> Self {
        let key = SigningKey::from_pem(PEM[pem], ours).expect("a key");
        let jwk = key.verifying_key().to_jwk().expect("it is public");
        let decoding = DecodingKey::from_jwk(&jwk).expect("what we publish is read elsewhere");
        Self { kid: key.kid().into(), ours, theirs, signing: key, decoding, encoding, jwk: json!(jwk) }
    }
}

const PEM: [&str; 3] = [
    include_str!("../../../core/tests/keys/ed25519.pem"),
    include_str!("../../../core/tests/keys/p256.pem"),
    include_str!("../../../core/tests/keys/rsa2048.pem"),
];
