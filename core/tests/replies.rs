//! What a success says to a browser and to a program, and where a browser goes next.

use doorward_core::id::SessionId;
use doorward_core::operation::sessions::Sessions;
use doorward_core::web::reply::{Plan, Replies, Wants};
use doorward_core::web::target::ReturnTarget;
use serde_json::{Value, json};

use crate::support::tokens::at_home;

fn said(plan: &Plan) -> Value {
    serde_json::from_str(plan.body.as_ref().expect("it says something").expose()).unwrap()
}

#[test]
fn a_browser_is_sent_on_and_a_program_is_told() {
    let (_, ada) = at_home();
    let (replies, basket) = (Replies::default(), ReturnTarget::parse("/basket").unwrap());
    let after = |wants| {
        let signed_up = replies.registered(ada.account, wants, basket.clone());
        [signed_up, replies.logged_out(None, wants, basket.clone())]
    };
    for plan in [Wants::Form, Wants::Page].into_iter().flat_map(after) {
        assert_eq!((plan.status, plan.location, plan.body), (303, Some(basket.clone()), None));
    }
    let [signed_up, logged_out] = after(Wants::Json);
    assert_eq!((signed_up.status, &signed_up.location), (201, &None));
    assert_eq!(said(&signed_up), json!({ "account": ada.account.to_string() }));
    assert_eq!((logged_out.status, &logged_out.location), (200, &None));
    assert_eq!(
        said(&logged_out),
        json!({ "ended": "already_gone", "access_dies_at": null, "others_lag_ms": 0 })
    );
}

#[test]
fn a_list_of_sessions_says_all_of_each_and_marks_ones_own() {
    let (mut world, ada) = at_home();
    let sessions = world.run(Sessions::new(ada.account)).unwrap();
    let [session] = &*sessions else { panic!("{sessions:?}") };
    for (current, is_own) in [(ada.session, true), (SessionId::from_bytes([7; 16]), false)] {
        let plan = Replies::default().sessions(&sessions, current, "/auth/logout");
        let one = json!({
            "id": ada.session.to_string(),
            "label": null,
            "created": session.created.as_millis(),
            "auth_time": session.auth_time.as_millis(),
            "idle_ends": session.idle_ends.as_millis(),
            "absolute_ends": session.absolute_ends.as_millis(),
            "current": is_own,
        });
        assert_eq!(said(&plan), json!({ "sessions": [one], "logout_url": "/auth/logout" }));
    }
}

#[test]
fn a_target_of_ones_own_is_kept_and_any_other_is_the_root() {
    assert_eq!(ReturnTarget::or_root(Some("/basket?page=2")).as_str(), "/basket?page=2");
    for other in [None, Some(""), Some("//elsewhere.example"), Some("https://elsewhere.example")] {
        assert_eq!(ReturnTarget::or_root(other).as_str(), "/", "{other:?}");
    }
}
