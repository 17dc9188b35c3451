//! Every documented refusal that can be met here, and what it means.

use super::Means::{self, *};

/// A row: Matrix's word, what it means, and where it is documented.
pub(super) type Row = (&'static str, Means, &'static str);

const SPEC: &str = "https://spec.matrix.org/v1.16/client-server-api/#standard-error-response";
const OTHER: &str = "https://spec.matrix.org/v1.16/client-server-api/#other-error-codes";
const LIMITS: &str = "https://spec.matrix.org/v1.16/client-server-api/#rate-limiting";
const TOKENS: &str = "https://spec.matrix.org/v1.16/client-server-api/#soft-logout";
const LOCKED: &str = "https://spec.matrix.org/v1.16/client-server-api/#account-locking";
const SUSPENDED: &str = "https://spec.matrix.org/v1.16/client-server-api/#account-suspension";
const SEND: &str = "https://spec.matrix.org/v1.16/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid";
const MEDIA: &str = "https://spec.matrix.org/v1.16/client-server-api/#content-repository";
const JOIN: &str = "https://spec.matrix.org/v1.16/client-server-api/#post_matrixclientv3roomsroomidjoin";
const RELATIONS: &str = "https://spec.matrix.org/v1.16/client-server-api/#avoiding-duplicate-annotations";
const SYNAPSE: &str = "https://github.com/element-hq/synapse/blob/develop/synapse/api/errors.py";

pub(super) const TABLE: &[Row] = &[
    // Who may do what.
    ("M_FORBIDDEN", Forbidden, SPEC),
    ("M_GUEST_ACCESS_FORBIDDEN", Forbidden, OTHER),
    ("M_USER_SUSPENDED", Forbidden, SUSPENDED),
    ("M_CONSENT_NOT_GIVEN", Forbidden, SYNAPSE),
    // The account.
    ("M_UNKNOWN_TOKEN", Unauthorized, TOKENS),
    ("M_MISSING_TOKEN", Unauthorized, SPEC),
    ("M_USER_DEACTIVATED", Unauthorized, OTHER),
    ("M_USER_LOCKED", Unauthorized, LOCKED),
    ("ORG_MATRIX_EXPIRED_ACCOUNT", Unauthorized, SYNAPSE),
    // What was asked for.
    ("M_NOT_FOUND", Gone, SPEC),
    ("M_UNSUPPORTED_ROOM_VERSION", Gone, JOIN),
    ("M_INCOMPATIBLE_ROOM_VERSION", Gone, JOIN),
    // What is in it.
    ("M_TOO_LARGE", Invalid, OTHER),
    ("M_BAD_JSON", Invalid, SPEC),
    ("M_NOT_JSON", Invalid, SPEC),
    ("M_INVALID_PARAM", Invalid, OTHER),
    ("M_MISSING_PARAM", Invalid, OTHER),
    ("M_UNRECOGNIZED", Invalid, SPEC),
    ("M_BAD_STATE", Invalid, OTHER),
    ("M_CANNOT_OVERWRITE_MEDIA", Invalid, MEDIA),
    // It is so already.
    ("M_DUPLICATE_ANNOTATION", Done, RELATIONS),
    // Time will lift it.
    ("M_LIMIT_EXCEEDED", Limited, LIMITS),
    ("M_RESOURCE_LIMIT_EXCEEDED", Limited, OTHER),
    ("M_NOT_YET_UPLOADED", Later, MEDIA),
    // It says that nobody knows.
    ("M_UNKNOWN", Nothing, SPEC),
    ("M_CONNECTION_FAILED", Nothing, SEND),
    ("M_CONNECTION_TIMEOUT", Nothing, SEND),
];
