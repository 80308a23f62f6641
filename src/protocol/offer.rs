//! A capability in the manner of LSP: `true`, or an object with particulars.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether a client has something, and in which way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Offer<T> {
    /// It has not: the field is absent or `false`.
    #[default]
    No,
    /// It has, with every default: `true`.
    Yes,
    /// It has, in this way: an object.
    With(T),
}

impl<T: Clone + Default> Offer<T> {
    /// The particulars, where the client has the thing at all.
    #[must_use]
    pub fn particulars(&self) -> Option<T> {
        match self {
            Self::No => None,
            Self::Yes => Some(T::default()),
            Self::With(particulars) => Some(particulars.clone()),
        }
    }
}

impl<T: Serialize> Serialize for Offer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::No => serializer.serialize_bool(false),
            Self::Yes => serializer.serialize_bool(true),
            Self::With(particulars) => particulars.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Offer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Offer<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean or an object")
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Offer<T>, E> {
                Ok(if yes { Offer::Yes } else { Offer::No })
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Offer<T>, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Offer::With)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Offer<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Offer_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "boolean"}, generator.subschema_for::<T>()]})
    }

    fn inline_schema() -> bool {
        true
    }
}
