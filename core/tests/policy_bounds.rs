//! Each bound of a policy, to its last value: what is refused, and what is not.

use std::time::Duration;

use doorward_core::model::session::{Lifetime, Span};
use doorward_core::model::source::SourcePolicy;
use doorward_core::model::throttle::ThrottlePolicy;
use doorward_core::password::PasswordRules;
use doorward_core::policy::{Policy, PolicyBuilder, PolicyError};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn says(change: impl FnOnce(PolicyBuilder) -> PolicyBuilder) -> Option<PolicyError> {
    change(Policy::builder()).build().err()
}

#[test]
fn a_session_is_idle_for_a_second_at_least_and_lives_for_four_hundred_days_at_most() {
    let of = |idle, absolute| {
        let span = Span { idle, absolute };
        says(|builder| builder.touch_every(Duration::ZERO).session(Lifetime::Web, span))
    };
    let most = DAY * 400;
    assert_eq!((of(SECOND, SECOND), of(most, most)), (None, None));
    let (short, long) = (SECOND.saturating_sub(Duration::from_millis(1)), most + SECOND);
    for refused in [of(short, SECOND), of(SECOND * 2, SECOND), of(SECOND, long)] {
        assert_eq!(refused, Some(PolicyError::Session));
    }
}

#[test]
fn a_wait_grows_up_to_a_day_and_is_not_forgotten_before() {
    let of = |first_wait, longest_wait, forget_after| {
        says(|builder| {
            builder.throttle(ThrottlePolicy {
                first_wait,
                longest_wait,
                forget_after,
                ..ThrottlePolicy::default()
            })
        })
    };
    assert_eq!((of(DAY, DAY, DAY), of(SECOND, HOUR, HOUR)), (None, None));
    let day_and_a_second = DAY + SECOND;
    for refused in [
        of(HOUR * 2, HOUR, HOUR),
        of(SECOND, day_and_a_second, day_and_a_second),
        of(SECOND, HOUR, HOUR.saturating_sub(SECOND)),
    ] {
        assert_eq!(refused, Some(PolicyError::Wait));
    }
}

#[test]
fn a_bucket_fills_within_an_hour_and_there_are_sixteen_million_at_most() {
    let of = |refill, most_sources| {
        let mut sources = SourcePolicy { most_sources, ..SourcePolicy::default() };
        sources.guesses.refill = refill;
        says(|builder| builder.sources(sources))
    };
    assert_eq!(of(HOUR, 1 << 24), None);
    assert_eq!(of(HOUR + SECOND, 1 << 24), Some(PolicyError::Bucket));
    assert_eq!(of(HOUR, (1 << 24) + 1), Some(PolicyError::Sources));
}

#[test]
fn clocks_differ_by_a_minute_at_most_and_step_back_by_a_day() {
    let of = |skew, regression| says(|builder| builder.max_skew(skew).max_clock_regression(regression));
    assert_eq!((of(SECOND * 60, SECOND * 60), of(SECOND * 60, DAY)), (None, None));
    assert_eq!(of(SECOND * 61, DAY), Some(PolicyError::Skew));
    assert_eq!(of(SECOND * 60, SECOND * 59), Some(PolicyError::Clock));
    assert_eq!(of(SECOND, DAY + SECOND), Some(PolicyError::Clock));
    let millis = Duration::from_millis;
    assert_eq!((of(Duration::ZERO, SECOND), of(millis(500), SECOND)), (None, None));
    assert_eq!(of(Duration::ZERO, millis(999)), Some(PolicyError::Clock), "nobody maintains as often");
}

#[test]
fn a_password_has_eight_characters_at_least_and_may_have_sixty_four() {
    let of = |min_with_second_factor, min, max| {
        let mut rules = PasswordRules::default();
        (rules.min_with_second_factor, rules.min, rules.max) = (min_with_second_factor, min, max);
        says(|builder| builder.password(rules))
    };
    assert_eq!((of(8, 8, 64), of(64, 64, 64)), (None, None));
    for refused in [of(7, 8, 64), of(9, 8, 64), of(8, 65, 64), of(8, 8, 63)] {
        assert_eq!(refused, Some(PolicyError::Password));
    }
}
