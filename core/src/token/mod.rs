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

        /// In time that does not depend on the text.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                crate::secret::same(self.0.as_bytes(), other.0.as_bytes())
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

pub mod access;
pub mod jwt;
pub mod opaque;
pub(crate) mod ring;
pub mod terms;
