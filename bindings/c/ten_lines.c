/* A login in ten lines: the example of README. */

#include <doorward.h>
#include <stdio.h>

int main(void) {
    dw_config *config = NULL; dw_engine *engine = NULL; dw_error *error = NULL;
    dw_id ada; dw_login_result *login = NULL; dw_session *session = NULL; dw_receipt *receipt = NULL;

    int failed = dw_config_new(&config, &error)
        || dw_config_store(config, DW_LITERAL("sqlite:app.db"), &error)
        || dw_config_key_file(config, DW_LITERAL("app.key"), 1, &error) /* made when it is not there */
        || dw_engine_open(config, &engine, &error)
        || dw_register(engine, DW_LITERAL("ada"), DW_LITERAL("plum kettle orbit"), NULL, 0, &ada, &error)
        || dw_login(engine, DW_LITERAL("ada"), DW_LITERAL("plum kettle orbit"), NULL, &login, &error)
        || dw_authenticate(engine, login->token.ptr, login->token.len, &session, &error)
        || dw_logout(engine, login->token.ptr, login->token.len, &receipt, &error);
    puts(failed ? error->message.ptr : "ada was here");

    dw_receipt_free(receipt), dw_session_free(session), dw_login_result_free(login), dw_error_free(error);
    dw_engine_free(engine), dw_config_free(config);
    return failed;
}
