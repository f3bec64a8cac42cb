//! Tokens: what a client holds. Opaque ones name rows of the store; JWTs are signed statements that others can check.

/// Makes a type for a token's text: redacted in `Debug`, wiped when dropped.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name(String);

        impl $name {
            /// The text to hand to the client, and to nobody else.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

pub mod jwt;
pub mod opaque;
