//! Keys that anybody can guess or compute. Each is refused where it is loaded.
//!
//! | key | refused | why |
//! |---|---|---|
//! | HMAC | under 32 bytes | RFC 7518, section 3.2 |
//! | RSA | under 2048 bits | RFC 7518, section 3.3; ASVS 5.0, 11.2.3 |
//! | RSA | over 8192 bits | each verification would take too long |
//! | RSA | with ROCA's fingerprint | CVE-2017-15361: the modulus can be factored |
//! | Ed25519 | of small order, or not canonical | RFC 8032, section 5.1.3; one signature would hold for every text |

use super::error::KeyLoadError;

const MIN_SECRET: usize = 32;
const MIN_MODULUS: usize = 2048;
const MAX_MODULUS: usize = 8192;

pub(super) fn refuse_secret(secret: &[u8]) -> Result<(), KeyLoadError> {
    if secret.len() < MIN_SECRET { Err(KeyLoadError::Weak) } else { Ok(()) }
}

/// Big endian, without leading zeros.
pub(super) fn refuse_modulus(modulus: &[u8]) -> Result<(), KeyLoadError> {
    match bits(modulus) {
        ..MIN_MODULUS => Err(KeyLoadError::Weak),
        MIN_MODULUS..=MAX_MODULUS if has_roca_fingerprint(modulus) => Err(KeyLoadError::Weak),
        MIN_MODULUS..=MAX_MODULUS => Ok(()),
        _ => Err(KeyLoadError::TooLong),
    }
}

/// How long a number is: big endian, without leading zeros.
pub(super) fn bits(modulus: &[u8]) -> usize {
    modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize)
}

/// Whether a point's multiples are eight at most, so that anybody can sign, or y is not below 2^255 - 19.
pub(super) fn refuse_point(point: &[u8; 32]) -> Result<(), KeyLoadError> {
    let mut y = *point;
    let [low, middle @ .., high] = &mut y;
    *high &= 0x7f; // the sign of x
    let beyond = *low >= 0xed && middle.iter().all(|byte| *byte == 0xff) && *high == 0x7f;
    if beyond || SMALL_ORDER.contains(&y) { Err(KeyLoadError::Weak) } else { Ok(()) }
}

/// Nemec and others, "The Return of Coppersmith's Attack" (2017), section 2: such a modulus is a power of 65537 modulo
/// every small prime. Another is so by a chance of about 2^-28.
fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
        let mut power = 1;
        loop {
            if power == rest {
                return true;
            }
            power = power * 65_537 % prime;
            if power == 1 {
                return false;
            }
        }
    })
}

/// Those up to 167 whose residues are not all powers of 65537.
const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// The y coordinates of the points whose order divides 8.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
];
