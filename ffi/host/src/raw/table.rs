//! Every function of the header, called with words.

use doorward_ffi as ffi;

use super::lend::{Returned, Taken, Value, Word};

/// A function of the header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// # Safety
    /// The words are what the conventions ask of the function's parameters.
    pub(crate) call: unsafe fn(&[Word]) -> Value,
}

/// `[parameters] functions;`, by how many parameters they have.
macro_rules! functions {
    ($($given:tt $($name:ident)*;)*) => {{
        let mut functions = Vec::new();
        $($(functions.push(function!($given $name));)*)*
        functions
    }};
}

macro_rules! function {
    ([$($given:ident)*] $name:ident) => {{
        #[allow(unused_mut, unused_unsafe, unused_variables, reason = "some are given nothing, some are safe")]
        unsafe fn $name(words: &[Word]) -> Value {
            let mut words = words.iter();
            $(let $given = Taken::taken(words.next());)*
            // SAFETY: as the caller has it.
            unsafe { ffi::$name($($given),*) }.returned()
        }
        Function { name: stringify!($name), call: $name }
    }};
}

#[rustfmt::skip]
pub(crate) fn functions() -> Vec<Function> {
    functions! {
        []
            dw_open_handles dw_version;
        [a]
            dw_access_free dw_config_free dw_context_events_lost dw_context_free dw_context_now dw_data_free
            dw_ended_everywhere_free dw_engine_events_lost dw_engine_free dw_engine_now dw_error_free
            dw_event_free dw_jwks_result_free dw_login_result_free dw_maintained_free dw_need_free
            dw_op_free dw_receipt_free dw_remembered_free dw_renewed_free dw_rotated_free dw_session_free
            dw_session_list_free dw_status_http dw_status_name dw_string_free dw_strings_free dw_tokens_free;
        [a b]
            dw_after_restore dw_config_new dw_config_trust_clock dw_id_text dw_op_take dw_session_is_fresh;
        [a b c]
            dw_config_events dw_config_maintain_every dw_config_manual_clock dw_config_remember_tokens
            dw_context_event dw_context_policy dw_context_remembered_tokens dw_context_set_time
            dw_cookie_clear dw_delete_account dw_disable dw_enable dw_engine_event dw_engine_open
            dw_engine_policy dw_engine_remembered_tokens dw_engine_set_time dw_jwks dw_maintain
            dw_mark_compromised dw_op_after_restore dw_op_jwks dw_op_maintain dw_op_poll dw_op_reply_busy
            dw_op_take_access dw_op_take_account dw_op_take_context dw_op_take_data
            dw_op_take_ended_everywhere dw_op_take_jwks dw_op_take_login dw_op_take_maintained
            dw_op_take_purged dw_op_take_receipt dw_op_take_renewed dw_op_take_revoked dw_op_take_rotated
            dw_op_take_session dw_op_take_session_list dw_op_take_string dw_op_take_tokens
            dw_revoke_all_tokens dw_unlock dw_work_run;
        [a b c d]
            dw_bearer dw_config_entropy dw_config_policy dw_config_signing_jwk dw_config_store dw_id_parse
            dw_is_logout_token dw_logout_token dw_op_delete_account dw_op_disable dw_op_enable
            dw_op_mark_compromised dw_op_open dw_op_purge dw_op_reply_commit dw_op_reply_failed
            dw_op_reply_purged dw_op_revoke_all_tokens dw_op_rotate_keys dw_op_sessions dw_op_unlock
            dw_purge dw_return_target dw_rotate_keys dw_sessions;
        [a b c d e]
            dw_authenticate dw_check_request dw_config_hashing dw_config_key_file dw_config_master_key
            dw_config_signing_pem dw_cookie_read dw_end_session dw_logout dw_op_authenticate
            dw_op_end_session dw_op_logout dw_op_reply_page dw_op_reply_rows dw_op_rotate_session
            dw_op_session_data dw_rename dw_rotate_session dw_session_data dw_set_password;
        [a b c d e f]
            dw_config_pepper dw_config_signing_secret dw_cookie_set dw_engine_backup dw_logout_everywhere
            dw_op_logout_everywhere dw_op_rename dw_op_reply_changes dw_op_set_password;
        [a b c d e f g]
            dw_introspect dw_op_introspect dw_op_revoke_token dw_op_verify dw_revoke_token dw_verify;
        [a b c d e f g h]
            dw_login dw_op_login dw_op_open_session dw_op_refresh dw_op_update_session_data dw_open_session
            dw_refresh dw_update_session_data;
        [a b c d e f g h i]
            dw_op_reauthenticate dw_op_register dw_reauthenticate dw_register;
        [a b c d e f g h i j]
            dw_issue dw_op_issue;
        [a b c d e f g h i j k]
            dw_change_password dw_op_change_password;
    }
}
