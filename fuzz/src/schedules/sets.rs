//! Which actors come together: every pair and every triple that is searched, numbered.

use super::actors::{ACTORS, Actor};

/// Some actors, each at the engine of its place: the first and the third at one, the second at the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its number among those of as many.
    pub number: u64,
    /// Who they are.
    pub actors: Vec<Actor>,
}

/// How many actors a set has.
///
/// # Example: how much there is to search
/// ```
/// use doorward_fuzz::schedules::{ACTORS, Size};
///
/// let many = ACTORS.len();
/// assert_eq!(Size::Pairs.sets().len(), many * (many + 1) / 2);
/// assert!(Size::Triples.sets().len() > 10_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Two: every pair, also of one actor twice.
    Pairs,
    /// Three: every triple that holds a refresh, a logout or a change of keys.
    Triples,
}

impl Size {
    /// All sets of this size, in the order of their numbers.
    pub fn sets(self) -> Vec<Set> {
        let mut sets = Vec::new();
        for (at, first) in ACTORS.iter().enumerate() {
            for (and, second) in ACTORS.iter().enumerate().skip(at) {
                match self {
                    Self::Pairs => sets.push(vec![*first, *second]),
                    Self::Triples => {
                        let triples = ACTORS[and..].iter().map(|third| vec![*first, *second, *third]);
                        sets.extend(triples.filter(|triple| triple.iter().any(Actor::is_leading)));
                    }
                }
            }
        }
        (0..).zip(sets).map(|(number, actors)| Set { number, actors }).collect()
    }

    /// What a set is called.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Triples => "triples",
        }
    }
}

impl std::fmt::Display for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, actor) in self.actors.iter().enumerate() {
            let before = if place == 0 { "" } else { " | " };
            write!(f, "{before}{}", actor.name)?;
        }
        Ok(())
    }
}
