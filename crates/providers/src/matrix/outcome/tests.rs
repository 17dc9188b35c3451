use super::{table::TABLE, *};

fn refused(status: u16, code: &str) -> Refusal {
    Refusal { status, code: code.into(), message: "no".into(), retry_after_ms: Some(700), is_soft: false }
}

fn told(refusal: Refusal) -> String {
    match classify(Failure::Refused(refusal)) {
        SendOutcome::Delivered(id) => format!("delivered {id}"),
        SendOutcome::Retry(retry) => format!("retry after {:?} {:?}", retry.after_ms, retry.scope),
        SendOutcome::Rejected(rejection) => format!("rejected: {rejection}"),
        SendOutcome::Unknown(_) => "unknown".into(),
    }
}

#[test]
fn every_row_has_its_effect_on_a_post() {
    let rows = TABLE.iter().map(|(code, ..)| format!("{code} → {}", told(refused(400, code))));
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r"
    M_FORBIDDEN → rejected: not allowed to post here
    M_GUEST_ACCESS_FORBIDDEN → rejected: not allowed to post here
    M_USER_SUSPENDED → rejected: not allowed to post here
    M_CONSENT_NOT_GIVEN → rejected: not allowed to post here
    M_UNKNOWN_TOKEN → rejected: the network refused the credentials
    M_MISSING_TOKEN → rejected: the network refused the credentials
    M_USER_DEACTIVATED → rejected: the network refused the credentials
    M_USER_LOCKED → rejected: the network refused the credentials
    ORG_MATRIX_EXPIRED_ACCOUNT → rejected: the network refused the credentials
    M_NOT_FOUND → rejected: the conversation no longer exists
    M_UNSUPPORTED_ROOM_VERSION → rejected: the conversation no longer exists
    M_INCOMPATIBLE_ROOM_VERSION → rejected: the conversation no longer exists
    M_TOO_LARGE → rejected: the network refused the content: the homeserver refused with 400 M_TOO_LARGE: no
    M_BAD_JSON → rejected: the network refused the content: the homeserver refused with 400 M_BAD_JSON: no
    M_NOT_JSON → rejected: the network refused the content: the homeserver refused with 400 M_NOT_JSON: no
    M_INVALID_PARAM → rejected: the network refused the content: the homeserver refused with 400 M_INVALID_PARAM: no
    M_MISSING_PARAM → rejected: the network refused the content: the homeserver refused with 400 M_MISSING_PARAM: no
    M_UNRECOGNIZED → rejected: the network refused the content: the homeserver refused with 400 M_UNRECOGNIZED: no
    M_BAD_STATE → rejected: the network refused the content: the homeserver refused with 400 M_BAD_STATE: no
    M_CANNOT_OVERWRITE_MEDIA → rejected: the network refused the content: the homeserver refused with 400 M_CANNOT_OVERWRITE_MEDIA: no
    M_DUPLICATE_ANNOTATION → unknown
    M_LIMIT_EXCEEDED → retry after Some(700) Account
    M_RESOURCE_LIMIT_EXCEEDED → retry after Some(700) Account
    M_NOT_YET_UPLOADED → retry after Some(700) Message
    M_UNKNOWN → unknown
    M_CONNECTION_FAILED → unknown
    M_CONNECTION_TIMEOUT → unknown
    ");
}

#[test]
fn what_proves_nothing_is_unknown() {
    assert_eq!(told(refused(500, "M_FORBIDDEN")), "unknown", "an error of its own may come after the deed");
    assert_eq!(told(refused(502, "")), "unknown");
    assert_eq!(told(refused(400, "M_SOMETHING_NEW")), "unknown");
    assert_eq!(told(refused(404, "")), "unknown", "a proxy may say that");
}

#[test]
fn limits_of_a_proxy_are_limits_too() {
    assert_eq!(told(refused(429, "")), "retry after Some(700) Account");
    assert!(told(refused(413, "")).starts_with("rejected"));
}

#[test]
fn what_ends_here_was_not_sent() {
    assert!(matches!(classify(Failure::NotSent("x".into())), SendOutcome::Retry(_)));
    assert!(matches!(classify(Failure::Ours("x".into())), SendOutcome::Retry(_)));
    assert!(matches!(classify(Failure::Lost("x".into())), SendOutcome::Unknown(_)));
    assert!(matches!(classify(Failure::Outside), SendOutcome::Rejected(Rejection::Forbidden)));
}

#[test]
fn every_row_says_where_it_comes_from() {
    assert!(TABLE.iter().all(|(.., link)| link.starts_with("https://")));
    let mut codes: Vec<_> = TABLE.iter().map(|(code, ..)| code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), TABLE.len(), "one row each");
}
