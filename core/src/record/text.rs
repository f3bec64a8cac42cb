//! Texts in records: written as they are, and read back only if they still are what they were when they were made.

/// Writes and reads a type that has an `as_str`, which `$read` makes of a text.
macro_rules! text_in_records {
    ($name:ident, $read:expr) => {
        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.str(self.as_str())?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let text = decoder.str()?;
                let read: fn(&str) -> Option<Self> = $read;
                let error = || minicbor::decode::Error::message(concat!("not a ", stringify!($name)));
                read(text).filter(|read| read.as_str() == text).ok_or_else(error)
            }
        }
    };
}

pub(crate) use text_in_records;
