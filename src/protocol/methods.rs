//! The table of all methods and notifications: what the router serves, what `initialize` advertises and
//! what the documents describe is this, and nothing else. Each family of methods has its part of the table.

mod catalogue;
mod context;
mod debug;
mod execution;
mod files;
mod image;
mod network;
mod notices;
mod packages;
mod port;
mod session;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::error::ErrorKind::{self, *};
use super::handshake::Feature;

/// A request that a client may send.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The feature without which it is refused (1001).
    pub feature: Option<Feature>,
    /// What its parameters look like.
    pub params: fn() -> Schema,
    /// What its result looks like.
    pub result: fn() -> Schema,
    /// What `$/cancelRequest` does to it.
    pub cancel: Cancel,
    /// Whether it reports progress under a `workDoneToken`.
    pub progress: bool,
    shared_errors: Errors,
    own_errors: &'static [ErrorKind],
}

/// Errors that several methods give, put together of lists.
type Errors = &'static [&'static [ErrorKind]];

/// What `$/cancelRequest` does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cancel {
    /// It is given up where it waits and answered with -32800; nothing that it was to do is done.
    Abort,
    /// It is told, ends what it began in good order, and answers by itself.
    Graceful,
}

/// A notification that the daemon sends; some, clients send too.
#[derive(Debug, Clone, Copy)]
pub struct Notification {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it says, in one line.
    pub summary: &'static str,
    /// The feature without which it is not sent.
    pub feature: Option<Feature>,
    /// What its parameters look like.
    pub params: fn() -> Schema,
    /// Whether clients send it too.
    pub both_ways: bool,
}

/// The schema of what is read.
#[must_use]
pub fn schema_of_params<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>()
}

/// The schema of what is sent.
#[must_use]
pub fn schema_of_result<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// Of all that name a session.
const SESSION: Errors = &[OF_SESSION];

/// Of all that are done in the sandbox of a session.
const SANDBOX: Errors = &[OF_SESSION, IN_SANDBOX];

const OF_SESSION: &[ErrorKind] = &[SessionNotFound, SessionClosed];

const IN_SANDBOX: &[ErrorKind] = &[RuntimeLost, ValidationFailed];

const fn method<P: JsonSchema, R: JsonSchema>(name: &'static str, summary: &'static str) -> Method {
    Method {
        name,
        summary,
        feature: None,
        params: schema_of_params::<P>,
        result: schema_of_result::<R>,
        cancel: Cancel::Abort,
        progress: false,
        shared_errors: &[],
        own_errors: &[],
    }
}

/// What the daemon asks: it sends the parameters, and reads the result.
const fn question<P: JsonSchema, R: JsonSchema>(name: &'static str, summary: &'static str) -> Method {
    Method { params: schema_of_result::<P>, result: schema_of_params::<R>, ..method::<P, R>(name, summary) }
}

const fn notification<P: JsonSchema>(name: &'static str, summary: &'static str) -> Notification {
    Notification { name, summary, feature: None, params: schema_of_result::<P>, both_ways: false }
}

impl Method {
    const fn needs(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    const fn graceful(mut self) -> Self {
        self.cancel = Cancel::Graceful;
        self
    }

    const fn progress(mut self) -> Self {
        self.progress = true;
        self
    }

    const fn shares(mut self, errors: Errors) -> Self {
        self.shared_errors = errors;
        self
    }

    const fn errors(mut self, errors: &'static [ErrorKind]) -> Self {
        self.own_errors = errors;
        self
    }

    /// Whether it gives this error, beside those that every method gives ([`COMMON_ERRORS`]).
    #[must_use]
    pub fn gives(&self, kind: ErrorKind) -> bool {
        (self.feature.is_some() && kind == FeatureNotNegotiated)
            || self.own_errors.contains(&kind)
            || self.shared_errors.iter().any(|errors| errors.contains(&kind))
    }
}

impl Notification {
    const fn needs(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    const fn both_ways(mut self) -> Self {
        self.both_ways = true;
        self
    }
}

/// Errors that every method may give.
pub const COMMON_ERRORS: &[ErrorKind] =
    &[InvalidRequest, InvalidParams, InternalError, ServerNotInitialized, RequestCancelled, Overloaded, ShuttingDown];

/// Every method of ours. LSP's own (`initialize`, `shutdown`, `exit` …) are not among them.
pub const METHODS: &[Method] = &all::<{ count(FAMILIES) }>(FAMILIES);

/// Every request that the daemon sends.
pub const ASKED: &[Method] = &all::<{ count(ASKING) }>(ASKING);

const ASKING: &[&[Method]] = &[context::ASKED, network::ASKED];

/// Every notification of ours.
pub const NOTIFICATIONS: &[Notification] = notices::NOTIFICATIONS;

const FAMILIES: &[&[Method]] = &[
    catalogue::METHODS,
    image::METHODS,
    session::METHODS,
    execution::METHODS,
    context::METHODS,
    files::METHODS,
    packages::METHODS,
    network::METHODS,
    port::METHODS,
    debug::METHODS,
];

const fn count(families: &[&[Method]]) -> usize {
    let (mut count, mut family) = (0, 0);
    while family < families.len() {
        count += families[family].len();
        family += 1;
    }
    count
}

const fn all<const COUNT: usize>(families: &[&[Method]]) -> [Method; COUNT] {
    let mut all = [families[0][0]; COUNT];
    let (mut at, mut family) = (0, 0);
    while family < families.len() {
        let mut index = 0;
        while index < families[family].len() {
            all[at] = families[family][index];
            at += 1;
            index += 1;
        }
        family += 1;
    }
    all
}

/// The method of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// The answer to a request for a method that there is none of.
#[must_use]
pub fn not_found(name: &str) -> super::ProtocolError {
    let names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
    let error = super::ProtocolError::new(MethodNotFound, "there is no such method");
    match super::strict::closest(name, &names) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`initialize` answers the list of methods"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_methods_or_notifications_share_a_name() {
        let names: Vec<_> =
            METHODS.iter().map(|method| method.name).chain(NOTIFICATIONS.iter().map(|notice| notice.name)).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }

    #[test]
    fn no_method_repeats_what_every_method_may_answer() {
        for method in METHODS {
            assert!(!COMMON_ERRORS.iter().any(|kind| method.gives(*kind)), "{}", method.name);
        }
    }

    #[test]
    fn no_method_says_an_error_twice() {
        for method in METHODS {
            let said: Vec<_> = method.shared_errors.iter().copied().chain([method.own_errors]).flatten().collect();
            assert_eq!(said.iter().collect::<HashSet<_>>().len(), said.len(), "{}", method.name);
        }
    }

    #[test]
    fn a_misspelled_method_is_recognised() {
        assert_eq!(not_found("session/creat").data.hint.unwrap(), "did you mean `session/create`?");
        assert_eq!(not_found("textDocument/hover").code, -32601);
    }
}
