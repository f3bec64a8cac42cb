//! What a command line asks of programs that compare by turns.

use std::time::Duration;

use crate::Failure;

/// Which comparisons, how often, and how long each side works in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rounds {
    /// What does not have this in its name is left out.
    pub only: String,
    /// How often each is compared.
    pub count: usize,
    /// How long each side works in a round.
    pub time: Duration,
}

impl Rounds {
    /// As these arguments ask: `--only PART`, `--rounds N`, `--millis N`; without them everything, so often, so long.
    ///
    /// # Errors
    /// They make no sense.
    pub fn asked(
        mut given: impl Iterator<Item = String>,
        rounds: usize,
        millis: u64,
    ) -> Result<Self, Failure> {
        let mut asked = Self { only: String::new(), count: rounds, time: Duration::from_millis(millis) };
        while let Some(name) = given.next() {
            let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = || value.parse::<u32>().map_err(|_| format!("{name} needs a number, not {value}"));
            match name.as_str() {
                "--only" => asked.only = value,
                "--rounds" => asked.count = number()?.max(1) as usize,
                "--millis" => asked.time = Duration::from_millis(number()?.max(1).into()),
                _ => return Err(format!("there is no {name}").into()),
            }
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_done_and_what_makes_no_sense_is_said() {
        let asked = |line: &str| Rounds::asked(line.split_whitespace().map(str::to_owned), 41, 5);
        let (only, time) = (String::new(), Duration::from_millis(5));
        assert_eq!(asked("").unwrap(), Rounds { only, count: 41, time });
        let (only, time) = ("verify".to_owned(), Duration::from_millis(1));
        assert_eq!(asked("--only verify --rounds 7 --millis 0").unwrap(), Rounds { only, count: 7, time });
        for (line, problem) in [
            ("--rounds", "--rounds needs a value"),
            ("--rounds few", "--rounds needs a number, not few"),
            ("--speed 9", "there is no --speed"),
        ] {
            assert_eq!(asked(line).unwrap_err().to_string(), problem);
        }
    }
}
