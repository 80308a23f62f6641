//! How single values are written in the settings file. Each says what it expects when it finds something else.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::{Pattern, registry_host};

/// A value that was written in one of our ways.
#[derive(Debug, Clone)]
pub(super) struct Written<K: Kind>(pub(super) K::Value);

/// A way to write a value.
pub(super) trait Kind {
    type Value;
    const EXPECTED: &'static str;

    fn of_text(_text: &str) -> Option<Self::Value> {
        None
    }

    fn of_whole(_number: u64) -> Option<Self::Value> {
        None
    }

    fn of_fraction(_number: f64) -> Option<Self::Value> {
        None
    }
}

impl<'de, K: Kind> Deserialize<'de> for Written<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData::<K>)).map(Self)
    }
}

struct Reader<K>(PhantomData<K>);

impl<K: Kind> Visitor<'_> for Reader<K> {
    type Value = K::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<K::Value, E> {
        K::of_text(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<K::Value, E> {
        K::of_whole(number).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<K::Value, E> {
        let whole = u64::try_from(number).ok().and_then(K::of_whole);
        whole.ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<K::Value, E> {
        K::of_fraction(number).ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
    }
}

/// A size in bytes, more than none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size;

impl Kind for Size {
    type Value = u64;
    const EXPECTED: &'static str = "a size such as \"512MiB\"";

    fn of_text(text: &str) -> Option<u64> {
        text.parse::<ByteSize>().ok().and_then(|size| Self::of_whole(size.as_u64()))
    }

    fn of_whole(number: u64) -> Option<u64> {
        (number > 0).then_some(number)
    }
}

/// A size in bytes, also none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room;

impl Kind for Room {
    type Value = u64;
    const EXPECTED: &'static str = "a size such as \"512MiB\", or 0";

    fn of_text(text: &str) -> Option<u64> {
        text.parse::<ByteSize>().ok().map(|size| size.as_u64())
    }

    fn of_whole(number: u64) -> Option<u64> {
        Some(number)
    }
}

/// A time, more than none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time;

impl Kind for Time {
    type Value = Duration;
    const EXPECTED: &'static str = "a time such as \"90s\", \"30m\" or \"2h\"";

    fn of_text(text: &str) -> Option<Duration> {
        humantime::parse_duration(text).ok().filter(|time| *time >= Duration::from_millis(1))
    }
}

/// A number of things, at least one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count;

impl Kind for Count {
    type Value = u64;
    const EXPECTED: &'static str = "a whole number, 1 or more";

    fn of_whole(number: u64) -> Option<u64> {
        // What is counted here has to fit in a word of any machine.
        (1..=u64::from(u32::MAX)).contains(&number).then_some(number)
    }
}

/// A number of things, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number;

impl Kind for Number {
    type Value = u64;
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn of_whole(number: u64) -> Option<u64> {
        (number <= u64::from(u32::MAX)).then_some(number)
    }
}

/// A number of processors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Processors;

impl Kind for Processors {
    type Value = f64;
    const EXPECTED: &'static str = "a number of processors such as 2 or 0.5";

    fn of_whole(number: u64) -> Option<f64> {
        u32::try_from(number).ok().and_then(|number| Self::of_fraction(f64::from(number)))
    }

    fn of_fraction(number: f64) -> Option<f64> {
        (number.is_finite() && number > 0.0).then_some(number)
    }
}

/// Hosts that may be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reachable;

impl Kind for Reachable {
    type Value = Pattern;
    const EXPECTED: &'static str =
        "a host such as \"registry.example.com:8443\", \"*.example.com\" or \"127.0.0.1:8080\"";

    fn of_text(text: &str) -> Option<Pattern> {
        Pattern::parse(text).ok()
    }
}

/// Where packages come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registry;

impl Kind for Registry {
    type Value = String;
    const EXPECTED: &'static str = "a URL such as \"https://registry.example.com/simple\"";

    fn of_text(text: &str) -> Option<String> {
        registry_host(text).ok().map(|_| text.trim_end_matches('/').to_owned())
    }
}
