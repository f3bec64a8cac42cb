//! All that is asked of a full store can be answered; what it takes is for `bin scale` to say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "it fails as a test does")]

use std::time::Duration;

use doorward_benches::candidate::Candidate;
use doorward_benches::scale::{ASKED, House};

#[test]
fn a_house_answers_all_that_is_asked() {
    for name in ["memory", "sqlite"] {
        let folder = tempfile::tempdir().unwrap();
        let candidate = Candidate::named(name).unwrap();
        let (house, taken) = House::fill(candidate, folder.path(), 3000).unwrap();
        assert_eq!(taken.disk > 100, candidate.is_durable, "{taken:?}");
        for asked in ASKED {
            let micros = house.answer(asked, Duration::from_millis(1));
            let micros = micros.unwrap_or_else(|error| panic!("{name}: {asked}: {error}"));
            assert!(micros > 0.0, "{name}: {asked}");
        }
        assert!(house.answer("fly", Duration::ZERO).is_err());
    }
}
