//! What makes an enum of the table of reasons: nothing can be added without both texts and an example.

macro_rules! reasons {
    ($(
        $(#[$meta:meta])*
        $name:ident $({ $($(#[$field_meta:meta])* $field:ident: $type:ty = $example:expr,)+ })? = $code:literal,
        person: $person:expr,
        operator: $operator:expr;
    )+) => {
        /// Why a message was not taken, or a turn ended without an answer.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(tag = "code")]
        pub enum Reason { $(
            $(#[$meta])*
            #[serde(rename = $code)]
            $name $({ $($(#[$field_meta])* $field: $type,)+ })?,
        )+ }

        #[allow(unused_variables, reason = "a text may need nothing of what its code carries")]
        impl Reason {
            /// Every code, in the order of the table.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// The stable code, as counters, logs and the store spell it.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self { $(Self::$name $({ $($field,)+ })? => $code,)+ }
            }

            /// One calm sentence for people, and what they can do.
            #[must_use]
            pub fn for_person(&self) -> String {
                match self { $(Self::$name $({ $($field,)+ })? => $person.to_string(),)+ }
            }

            /// Cause, place and hint for the log.
            #[must_use]
            pub fn for_operator(&self) -> String {
                match self { $(Self::$name $({ $($field,)+ })? => $operator.to_string(),)+ }
            }

            /// One example of every code, in the order of the table: for documents and tests.
            #[must_use]
            pub fn examples() -> Vec<Self> {
                vec![$(Self::$name $({ $($field: $example,)+ })?,)+]
            }
        }
    };
}

pub(super) use reasons;
