//! What a network says, read field by field.
//!
//! Guarantee: what is missing, new or strange in one field costs that field, never the rest.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A JSON object that is read field by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// `None` for what is no object.
    pub(crate) fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    /// A field; `None` where it is missing or not of this type.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.0.get(name)?).ok()
    }

    /// A field that is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Some(Self(self.0.get(name)?.as_object()?.clone()))
    }

    /// The objects of a list; what is none is left out.
    pub(crate) fn objects(&self, name: &str) -> Vec<Self> {
        let items = self.0.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| Some(Self(item.as_object()?.clone()))).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// The first of `names` that is there.
    pub(crate) fn first_of(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// The first field that is none of `known`.
    pub(crate) fn other_than(&self, known: &[&str]) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|key| !known.contains(key))
    }
}
