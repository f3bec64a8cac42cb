//! Two tabs of one browser, each with a refresh token of its own, for a day: neither is ever taken for a thief, however often
//! an answer is lost; and a thief is.

use std::time::Duration;

use doorward::core::model::session::Gone;
use doorward::core::operation::authenticate::Authenticate;
use doorward::{Issued, Refresh, RefreshError, RefreshToken, RevocationMode};

use crate::support::modes::{ASKING, BOTH, Deployment, EVERY_MODE, Kind, MILLISECOND, UNTIL_EXPIRY, issue};

const GRACE: Duration = Duration::from_secs(10);
const SKEW: Duration = Duration::from_secs(2);

/// A tab, and what it has been given.
struct Tab {
    refresh: RefreshToken,
    access: String,
}

impl Tab {
    fn new(all: &Deployment) -> Self {
        let issued = issue(&all.here, &all.session);
        Self { refresh: issued.refresh.unwrap(), access: issued.access.expose().to_owned() }
    }

    fn take(&mut self, issued: Issued) {
        self.refresh = issued.refresh.unwrap();
        issued.access.expose().clone_into(&mut self.access);
    }
}

/// By this instance or the other, in turn.
fn refresh(all: &Deployment, turn: u32, token: &RefreshToken) -> Result<Issued, RefreshError> {
    let at = if turn.is_multiple_of(2) { &all.here } else { &all.there };
    at.engine.run(Refresh::new(token.expose(), "web")).unwrap()
}

/// INV 1 to INV 4.
#[test]
fn inv_2_inv_4_two_tabs_refresh_for_a_day_and_neither_is_called_a_thief() {
    for (kind, mode) in BOTH.into_iter().zip([ASKING, RevocationMode::Bound]) {
        let all = Deployment::new(kind, mode);
        let mut tabs = [Tab::new(&all), Tab::new(&all)];
        let (mut rotations, mut lost) = (0, 0);
        // To an hour before the session's absolute end, every seven minutes.
        for turn in 0..197_u32 {
            all.wait(Duration::from_mins(7));
            assert!(all.here.engine.run(Authenticate::new(all.session.expose())).unwrap().is_ok());
            for (which, tab) in tabs.iter_mut().enumerate() {
                let mut issued = refresh(&all, turn, &tab.refresh).unwrap();
                // Every few times the answer is lost, once or twice, and asked for again at either instance.
                let times = if which == 0 { turn % 3 } else { u32::from(turn % 5 == 0) };
                for retry in 0..times {
                    all.wait((GRACE / 2).saturating_sub(MILLISECOND));
                    let again = refresh(&all, turn + retry, &tab.refresh).unwrap();
                    let (first, second) = (issued.refresh.unwrap(), again.refresh.clone().unwrap());
                    assert_eq!(first.expose(), second.expose(), "never a second child");
                    issued = again;
                    lost += 1;
                }
                tab.take(issued);
                rotations += 1;
            }
            let both_live =
                tabs.iter().all(|tab| all.here.accepts(&tab.access) && all.there.accepts(&tab.access));
            assert!(both_live, "turn {turn}");
        }
        assert_eq!((rotations, lost), (394, 236));

        // A thief holds a copy of one tab's token, and comes when that tab has gone on: the session is over for all three.
        let stolen = tabs[0].refresh.clone();
        for tab in &mut tabs {
            let issued = refresh(&all, 0, &tab.refresh).unwrap();
            tab.take(issued);
        }
        all.wait(GRACE + SKEW);
        assert!(matches!(refresh(&all, 1, &stolen), Err(RefreshError::Reused { .. })));
        for tab in &tabs {
            let outcome = refresh(&all, 0, &tab.refresh);
            assert!(matches!(outcome, Err(RefreshError::Gone(Gone::Ended))), "{outcome:?}");
        }
        all.wait(Duration::from_secs(1));
        assert!(tabs.iter().all(|tab| !all.here.accepts(&tab.access) && !all.there.accepts(&tab.access)));
    }
}

/// RFC 9700, section 4.14.2: the thief comes first, and it is the honest tab whose token is old. Inside the grace the two
/// cannot be told apart, and have one successor; at the next turn one of them is found out.
#[test]
fn inv_3_a_thief_who_comes_first_is_found_out_by_the_honest_tab() {
    for mode in EVERY_MODE {
        let all = Deployment::new(Kind::Blocking, mode);
        let honest = Tab::new(&all);
        let stolen = refresh(&all, 1, &honest.refresh).unwrap();
        all.wait(GRACE.saturating_sub(MILLISECOND));
        let same = refresh(&all, 0, &honest.refresh).unwrap();
        assert_eq!(same.refresh.unwrap().expose(), stolen.refresh.as_ref().unwrap().expose());
        all.wait(MILLISECOND);
        assert!(matches!(refresh(&all, 0, &honest.refresh), Err(RefreshError::Conflict)));
        refresh(&all, 1, stolen.refresh.as_ref().unwrap()).unwrap();
        // The honest tab holds what the thief has just used up, and what came before: the older one tells.
        assert!(
            matches!(refresh(&all, 0, &honest.refresh), Err(RefreshError::Reused { .. })),
            "inside the grace too"
        );
        assert!(matches!(refresh(&all, 1, stolen.refresh.as_ref().unwrap()), Err(RefreshError::Gone(_))));
        all.wait(Duration::from_secs(2));
        assert_eq!(all.there.accepts(stolen.access.expose()), mode == UNTIL_EXPIRY);
    }
}
