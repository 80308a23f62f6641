//! What client and daemon say of themselves in `initialize`, and what follows from it.
//!
//! Both ride in `capabilities.experimental.codebeaker`. A feature that a client does not name is one it
//! does not have; a client that says nothing of codebeaker at all is a plain LSP client and gets every
//! feature with its defaults.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::catalogue::{EngineInfo, RuntimeInfo};
use super::debug::{DebugOffer, DebugTransport};
use super::encoding::Encoding;
use super::error::{ErrorKind, ProtocolError};
use super::offer::Offer;
use super::server::ServerLimits;
use super::strict::parse_leniently;

/// The versions of the protocol that this daemon speaks, newest first.
pub const PROTOCOL_VERSIONS: &[&str] = &["1.0"];

/// The most bytes of output that one notification carries, unless the client wants less.
pub const MAX_CHUNK_BYTES: u32 = 65_536;

/// A client can't ask for chunks smaller than this.
pub const MIN_CHUNK_BYTES: u32 = 1024;

/// Where the client's part is in the parameters of `initialize`.
const CLIENT_PATH: &str = "capabilities.experimental.codebeaker";

/// What a client says of itself. Fields that the daemon does not know are ignored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientAdvertisement {
    /// The versions it speaks. Without it, whatever the daemon speaks.
    #[serde(default)]
    pub protocol_versions: Vec<String>,
    /// What it can do. What is absent it can't.
    #[serde(default)]
    pub features: ClientFeatures,
    /// What it can't do without: names of features, `isolation>=container` and the like, `runtime.native`, `engine.python`. If one is not met, `initialize` fails (1003).
    #[serde(default)]
    pub requires: Vec<String>,
}

/// What a client can do. Each is `true`, or an object with particulars.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientFeatures {
    /// It takes output while programs run. Otherwise none is sent, and `execution/read` fetches it.
    #[serde(default)]
    pub streaming: Offer<StreamingOffer>,
    /// It feeds standard input to programs that run.
    #[serde(default)]
    pub stdin: Offer<NoParticulars>,
    /// It has terminals.
    #[serde(default)]
    pub pty: Offer<NoParticulars>,
    /// It debugs programs.
    #[serde(default)]
    pub debug: Offer<DebugOffer>,
    /// It answers `net/ask`, by asking a person. A client that says nothing of codebeaker is not asked.
    #[serde(default)]
    pub net_ask: Offer<NoParticulars>,
    /// It is told what changes in a workspace.
    #[serde(default)]
    pub fs_watch: Offer<NoParticulars>,
    /// It uses live interpreters.
    #[serde(default)]
    pub contexts: Offer<NoParticulars>,
    /// It shows more than text.
    #[serde(default)]
    pub rich_output: Offer<RichOffer>,
    /// It answers what code asks for. Otherwise input is at its end at once.
    #[serde(default)]
    pub input_request: Offer<InputOffer>,
}

/// The longest form of a thing that is shown, unless the client wants another.
const DEFAULT_INLINE_BYTES: u32 = 262_144;

/// The most that it can want.
const MAX_INLINE_BYTES: u32 = 2 << 20;

/// How a client shows what code displays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RichOffer {
    /// The MIME types that it shows, or their families, as in `image/*`. `text/plain` it always gets.
    pub mime: Vec<String>,
    /// The longest form of one thing that it takes, in bytes as they travel; from 1024 to 2097152. What is longer is left out.
    pub max_inline_bytes: u32,
}

impl Default for RichOffer {
    fn default() -> Self {
        let mime = ["text/*", "image/*", "application/json"].map(str::to_owned).into();
        Self { mime, max_inline_bytes: DEFAULT_INLINE_BYTES }
    }
}

/// How a client answers what code asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InputOffer {
    /// Whether it can hide what is typed; it is asked for no password otherwise.
    pub password: bool,
}

/// How a client takes output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StreamingOffer {
    /// Encodings it understands. `base64` must be among them, for output can be any bytes; with `base64` alone, all output comes in it.
    pub encodings: Vec<Encoding>,
    /// The most bytes of output in one notification; from 1024 to 65536.
    pub max_chunk_bytes: u32,
}

impl Default for StreamingOffer {
    fn default() -> Self {
        Self { encodings: vec![Encoding::Utf8, Encoding::Base64], max_chunk_bytes: MAX_CHUNK_BYTES }
    }
}

/// A feature without particulars, for now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoParticulars {}

/// What the daemon says of itself, and what was agreed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerAdvertisement {
    /// The version that both speak from now on.
    pub protocol_version: String,
    /// The features that both have. What is absent was not negotiated.
    pub features: Features,
    /// What can't be had here, and why: `runtime.native`, `engine.python` and the like.
    pub unavailable: BTreeMap<String, String>,
    /// Exactly the methods that may be called on this connection.
    pub methods: Vec<String>,
    /// Limits of the daemon.
    pub limits: ServerLimits,
    /// Where code can be isolated.
    pub runtimes: Vec<RuntimeInfo>,
    /// What can run it.
    pub engines: Vec<EngineInfo>,
    /// Names this run of the daemon.
    pub instance_id: String,
}

/// The features that client and daemon both have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Output is sent while programs run, like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streaming: Option<StreamingOffer>,
    /// Programs that run can be fed standard input.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stdin: bool,
    /// Programs can have a terminal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pty: bool,
    /// Programs can be debugged, like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debug: Option<DebugOffer>,
    /// A person is asked about hosts that no rule allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub net_ask: bool,
    /// What changes in a workspace is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fs_watch: bool,
    /// There are live interpreters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contexts: bool,
    /// What code displays is sent like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rich_output: Option<RichOffer>,
    /// What code asks for is asked of the client, like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_request: Option<InputOffer>,
}

/// A feature that a method or a value of a parameter may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Output while programs run.
    Streaming,
    /// Standard input of programs that run.
    Stdin,
    /// Terminals.
    Pty,
    /// Debugging.
    Debug,
    /// Questions about hosts.
    NetAsk,
    /// What changes in a workspace.
    FsWatch,
    /// Live interpreters.
    Contexts,
    /// More than text.
    RichOutput,
    /// Questions of code's to the client.
    InputRequest,
}

impl Feature {
    const ALL: [Self; 9] = [
        Self::Streaming,
        Self::Stdin,
        Self::Pty,
        Self::Debug,
        Self::NetAsk,
        Self::FsWatch,
        Self::Contexts,
        Self::RichOutput,
        Self::InputRequest,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Streaming => "streaming",
            Self::Stdin => "stdin",
            Self::Pty => "pty",
            Self::Debug => "debug",
            Self::NetAsk => "netAsk",
            Self::FsWatch => "fsWatch",
            Self::Contexts => "contexts",
            Self::RichOutput => "richOutput",
            Self::InputRequest => "inputRequest",
        }
    }
}

impl Features {
    /// Every feature with its defaults, but for questions that it would not understand: what a client gets that says
    /// nothing of codebeaker.
    #[must_use]
    pub fn all() -> Self {
        Self {
            streaming: Some(StreamingOffer::default()),
            stdin: true,
            pty: true,
            debug: Some(DebugOffer::default()),
            net_ask: false,
            fs_watch: true,
            contexts: true,
            rich_output: Some(RichOffer::default()),
            input_request: Some(InputOffer::default()),
        }
    }

    /// Whether a feature was negotiated.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        match feature {
            Feature::Streaming => self.streaming.is_some(),
            Feature::Stdin => self.stdin,
            Feature::Pty => self.pty,
            Feature::Debug => self.debug.is_some(),
            Feature::NetAsk => self.net_ask,
            Feature::FsWatch => self.fs_watch,
            Feature::Contexts => self.contexts,
            Feature::RichOutput => self.rich_output.is_some(),
            Feature::InputRequest => self.input_request.is_some(),
        }
    }

    /// Whether messages of the Debug Adapter Protocol can travel in this way.
    #[must_use]
    pub fn debugs_by(&self, transport: DebugTransport) -> bool {
        self.debug.as_ref().is_some_and(|debug| debug.transports.contains(&transport))
    }

    /// Refuses what needs a feature that was not negotiated. `what` is the method or value.
    ///
    /// # Errors
    /// [`ErrorKind::FeatureNotNegotiated`], naming the feature.
    pub fn demand(&self, feature: Feature, what: &str) -> Result<(), ProtocolError> {
        if self.has(feature) { Ok(()) } else { Err(Self::not_negotiated(feature, what)) }
    }

    /// The refusal of what needs a feature, or a part of one, that was not negotiated.
    #[must_use]
    pub fn not_negotiated(feature: Feature, what: &str) -> ProtocolError {
        let name = feature.name();
        let message = format!("{what} needs the feature `{name}`, which was not negotiated");
        let mut error = ProtocolError::new(ErrorKind::FeatureNotNegotiated, message)
            .hint(format!("advertise it in `initialize`: {CLIENT_PATH}.features.{name}"));
        error.data.feature = Some(name.to_owned());
        error
    }
}

impl ClientAdvertisement {
    /// Reads it from the `experimental` capabilities of `initialize`. `None` means a client that says nothing of codebeaker.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParams`] when something known is of the wrong type.
    pub fn read(experimental: Option<&Value>) -> Result<Option<Self>, ProtocolError> {
        match experimental.and_then(|experimental| experimental.get("codebeaker")) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => parse_leniently(value.clone(), CLIENT_PATH).map(Some),
        }
    }

    /// The version that both speak: the newest of the common ones.
    ///
    /// # Errors
    /// [`ErrorKind::ProtocolVersionUnsupported`], listing ours.
    pub fn common_version(&self) -> Result<&'static str, ProtocolError> {
        let spoken = |version: &&&str| {
            self.protocol_versions.is_empty() || self.protocol_versions.iter().any(|theirs| theirs == **version)
        };
        PROTOCOL_VERSIONS.iter().find(spoken).copied().ok_or_else(|| {
            let message =
                format!("no protocol version in common: the client speaks {}", self.protocol_versions.join(", "));
            let mut error = ProtocolError::new(ErrorKind::ProtocolVersionUnsupported, message);
            error.data.supported = PROTOCOL_VERSIONS.iter().map(|&version| version.to_owned()).collect();
            error
        })
    }

    /// The features that both have.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParams`] when the client could not be sent output that is not text.
    pub fn common_features(&self) -> Result<Features, ProtocolError> {
        let streaming = match self.features.streaming.particulars() {
            None => None,
            Some(offer) if !offer.encodings.contains(&Encoding::Base64) => {
                let path = format!("{CLIENT_PATH}.features.streaming.encodings");
                let message =
                    format!("{path}: `base64` is missing, and output that is not UTF-8 travels in no other way");
                return Err(ProtocolError::invalid_params(path, message));
            }
            Some(offer) => Some(StreamingOffer {
                max_chunk_bytes: offer.max_chunk_bytes.clamp(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES),
                encodings: offer.encodings,
            }),
        };
        Ok(Features {
            streaming,
            stdin: self.features.stdin.particulars().is_some(),
            pty: self.features.pty.particulars().is_some(),
            // A client that has no way in common with the daemon can't debug.
            debug: self.features.debug.particulars().filter(|offer| !offer.transports.is_empty()),
            net_ask: self.features.net_ask.particulars().is_some(),
            fs_watch: self.features.fs_watch.particulars().is_some(),
            contexts: self.features.contexts.particulars().is_some(),
            rich_output: self.features.rich_output.particulars().map(|offer| RichOffer {
                max_inline_bytes: offer.max_inline_bytes.clamp(MIN_CHUNK_BYTES, MAX_INLINE_BYTES),
                ..offer
            }),
            input_request: self.features.input_request.particulars(),
        })
    }

    /// Refuses the connection when something that the client requires is missing. `runtimes` and `engines` are those of the daemon.
    ///
    /// # Errors
    /// [`ErrorKind::RequirementUnmet`], listing what is unmet.
    pub fn check_requirements(
        &self,
        features: &Features,
        runtimes: &[RuntimeInfo],
        engines: &[EngineInfo],
    ) -> Result<(), ProtocolError> {
        let met = |requirement: &&String| is_met(requirement, features, runtimes, engines);
        let unmet: Vec<String> = self.requires.iter().filter(|requirement| !met(requirement)).cloned().collect();
        if unmet.is_empty() {
            return Ok(());
        }
        let message = format!("the client requires what can't be had here: {}", unmet.join(", "));
        let mut error = ProtocolError::new(ErrorKind::RequirementUnmet, message)
            .hint("`initialize` may be sent again with less in `requires`");
        error.data.unmet = unmet;
        Err(error)
    }
}

/// What is not understood is not met: a client that requires something must not be told that it has it.
fn is_met(requirement: &str, features: &Features, runtimes: &[RuntimeInfo], engines: &[EngineInfo]) -> bool {
    if let Some(level) = requirement.strip_prefix("isolation>=") {
        let Ok(level) = serde_json::from_value(Value::String(level.trim().to_owned())) else {
            return false;
        };
        return runtimes.iter().any(|runtime| runtime.available && runtime.isolation >= level);
    }
    if let Some(id) = requirement.strip_prefix("runtime.") {
        return runtimes.iter().any(|runtime| runtime.available && runtime.id == id);
    }
    if let Some(id) = requirement.strip_prefix("engine.") {
        return engines.iter().any(|engine| engine.available && engine.id == id);
    }
    Feature::ALL.into_iter().any(|feature| feature.name() == requirement && features.has(feature))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::session::Isolation;
    use super::*;

    fn read(codebeaker: Value) -> Result<ClientAdvertisement, ProtocolError> {
        ClientAdvertisement::read(Some(&json!({ "codebeaker": codebeaker }))).map(Option::unwrap)
    }

    #[test]
    fn what_is_not_advertised_is_not_negotiated() {
        assert_eq!(ClientAdvertisement::read(None), Ok(None));
        assert_eq!(ClientAdvertisement::read(Some(&json!({"other": 1}))), Ok(None));
        let client = read(json!({"features": {"streaming": {"maxChunkBytes": 1}, "pty": true, "later": {}}})).unwrap();
        let features = client.common_features().unwrap();
        let streaming = features.streaming.clone().unwrap();
        assert_eq!(streaming.max_chunk_bytes, MIN_CHUNK_BYTES);
        assert_eq!(streaming.encodings, [Encoding::Utf8, Encoding::Base64]);
        assert!(features.pty && !features.stdin);
        let error = features.demand(Feature::Stdin, "execution/stdin").unwrap_err();
        assert_eq!((error.code, error.data.feature.as_deref()), (1001, Some("stdin")));
    }

    #[test]
    fn a_known_field_of_the_wrong_type_is_told() {
        let error = read(json!({"features": {"streaming": {"encodings": ["utf16"]}}})).unwrap_err();
        assert_eq!(error.data.path.unwrap(), "capabilities.experimental.codebeaker.features.streaming.encodings[0]");
        let text_alone = read(json!({"features": {"streaming": {"encodings": ["utf8"]}}})).unwrap();
        assert_eq!(text_alone.common_features().unwrap_err().kind(), ErrorKind::InvalidParams);
    }

    #[test]
    fn a_version_must_be_common() {
        assert_eq!(read(json!({})).unwrap().common_version(), Ok("1.0"));
        assert_eq!(read(json!({"protocolVersions": ["9.0", "1.0"]})).unwrap().common_version(), Ok("1.0"));
        let error = read(json!({"protocolVersions": ["9.0"]})).unwrap().common_version().unwrap_err();
        assert_eq!((error.code, &error.data.supported[..]), (1002, &["1.0".to_owned()][..]));
    }

    #[test]
    fn every_requirement_must_be_met_and_none_is_guessed() {
        let native = RuntimeInfo {
            id: "native".to_owned(),
            isolation: Isolation::Namespaces,
            available: true,
            reason: None,
            hint: None,
            start_ms: None,
            memory_bytes: None,
            machines: Vec::new(),
        };
        let unmet = |requires: Value| {
            let client = read(json!({ "requires": requires })).unwrap();
            match client.check_requirements(&Features::all(), std::slice::from_ref(&native), &[]) {
                Ok(()) => Vec::new(),
                Err(error) => error.data.unmet,
            }
        };
        assert!(
            unmet(json!(["streaming", "isolation>=process", "isolation>=namespaces", "runtime.native"])).is_empty()
        );
        let impossible = ["isolation>=container", "isolation>=best", "runtime.docker", "engine.python", "magic"];
        assert_eq!(unmet(json!(impossible)), impossible);
    }
}
