//! Names that the operator gives, and identifiers that a network gave.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::tree::WHOLE_MAX;

/// A rule for names, for the schema and for messages.
pub(in super::super) struct NameRule {
    pattern: &'static str,
    expected: &'static str,
}

/// Names of accounts and agents.
pub(in super::super) const ACCOUNT_NAME: NameRule = NameRule {
    pattern: "^[a-z][a-z0-9_-]{0,31}$",
    expected: "a name begins with a small letter and has up to 32 small letters, digits, `_` and `-`",
};

/// Names of commands.
pub(in super::super) const COMMAND_NAME: NameRule = NameRule {
    pattern: "^[a-z][a-z0-9_]{0,31}$",
    expected: "a command's name begins with a small letter and has up to 32 small letters, digits and `_`, without \
               the slash",
};

/// Names of environment variables.
pub(in super::super) const VARIABLE_NAME: NameRule = NameRule {
    pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
    expected: "the name of an environment variable has letters, digits and `_`, and does not begin with a digit",
};

impl NameRule {
    pub(in super::super) fn schema(&self) -> Value {
        json!({ "pattern": self.pattern, "errorMessage": self.expected })
    }

    /// The rule for names that stand as values.
    pub(in super::super) fn text_schema(&self) -> Value {
        json!({ "type": "string", "pattern": self.pattern, "errorMessage": self.expected })
    }
}

/// An identifier as a network spells it. Numbers may be written without quotes.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(from = "Written")]
#[schemars(inline, with = "Written")]
pub(in super::super) struct Id(pub String);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, transform = as_one_type)]
#[allow(dead_code, reason = "the variants are read through `From`")]
enum Written {
    Text(String),
    Number(i64),
}

/// One list of types reads better in editors and in messages than a choice of schemas.
fn as_one_type(schema: &mut schemars::Schema) {
    *schema = schemars::json_schema!({
        "type": ["string", "integer"],
        "minLength": 1,
        "minimum": -WHOLE_MAX,
        "maximum": WHOLE_MAX - 1,
        "errorMessage": "must be an identifier as the network spells it",
    });
}

impl From<Written> for Id {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(text) => Self(text),
            Written::Number(number) => Self(number.to_string()),
        }
    }
}
