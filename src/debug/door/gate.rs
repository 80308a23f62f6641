//! Who may come in by a door, judged by what a client says first.
//!
//! Nothing but the first words of a conversation passes before `launch` or `attach` has: so that a client which
//! is not let in can't find out more than that there is a door.

use std::fmt;

use serde_json::Value;

use super::children::CHILD;

/// The argument of `launch` or `attach` (or of `initialize`) that holds the token of a door which asks for one.
pub const TOKEN: &str = "__codebeakerToken";

/// What may be said before `launch` or `attach`.
const FIRST_WORDS: [&str; 4] = ["initialize", "disconnect", "terminate", "cancel"];

/// A secret that a client must know.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why a text is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It could be guessed.
    #[error("a token has at least {least} characters", least = Token::LEAST)]
    TooShort,
    /// It can't be written in a configuration, or is hardly meant.
    #[error("a token is one line of at most {most} characters that can be seen", most = Token::MOST)]
    Unwritable,
}

impl Token {
    /// The fewest characters of a token.
    pub const LEAST: usize = 16;
    /// The most.
    pub const MOST: usize = 1024;

    /// Reads a token; blanks and line ends around it do not belong to it.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn read(text: &str) -> Result<Self, TokenFault> {
        let text = text.trim();
        if text.len() < Self::LEAST {
            return Err(TokenFault::TooShort);
        }
        if text.len() > Self::MOST || text.chars().any(|char| char.is_whitespace() || char.is_control()) {
            return Err(TokenFault::Unwritable);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether this is the token. Takes as long for every text of the same length, so that its time tells nothing.
    fn is(&self, text: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), text.as_bytes());
        let differs = own.iter().zip(other).fold(0, |differs, (own, other)| differs | (own ^ other));
        own.len() == other.len() && std::hint::black_box(differs) == 0
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Whom a door lets in.
#[derive(Debug, Clone)]
pub enum Gate {
    /// Everybody: who could come here may.
    Open,
    /// Who knows the token.
    Token(Token),
    /// Children of what is debugged already, which the adapter knows by their own tokens.
    Children,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on to the adapter.
    Pass,
    /// It is answered so, and the conversation goes on.
    Refuse(&'static str),
    /// It is answered so, and the conversation ends.
    ShowOut(&'static str),
}

/// A client at a gate.
#[derive(Debug)]
pub(super) struct Guest {
    gate: Gate,
    /// It knew the token.
    known: bool,
    /// `launch` or `attach` has passed.
    inside: bool,
}

impl Guest {
    pub(super) fn new(gate: Gate) -> Self {
        let inside = matches!(gate, Gate::Open);
        Self { gate, known: false, inside }
    }

    pub(super) fn is_inside(&self) -> bool {
        self.inside
    }

    /// Judges a message, and takes the token out of it, which is not the adapter's business.
    pub(super) fn judge(&mut self, message: &mut Value) -> Verdict {
        let shown = take_argument(message, TOKEN);
        if self.inside {
            return Verdict::Pass;
        }
        if let (Gate::Token(token), Some(shown)) = (&self.gate, &shown) {
            if !shown.as_str().is_some_and(|shown| token.is(shown)) {
                return Verdict::ShowOut("the argument `__codebeakerToken` is not the token of this door");
            }
            self.known = true;
        }
        if message.get("type").and_then(Value::as_str) != Some("request") {
            return Verdict::Refuse("");
        }
        match message.get("command").and_then(Value::as_str) {
            Some("launch" | "attach") => self.admit(message),
            Some(command) if FIRST_WORDS.contains(&command) => Verdict::Pass,
            _ => Verdict::Refuse("`launch` or `attach` must come first"),
        }
    }

    fn admit(&mut self, message: &Value) -> Verdict {
        let is_child = || message["command"] == "attach" && message["arguments"][CHILD].is_string();
        match &self.gate {
            Gate::Token(_) if !self.known => {
                return Verdict::ShowOut("this door wants its token, in the argument `__codebeakerToken`");
            }
            Gate::Children if !is_child() => {
                return Verdict::ShowOut("this door is for the children of what is debugged here already");
            }
            _ => {}
        }
        self.inside = true;
        Verdict::Pass
    }
}

fn take_argument(message: &mut Value, name: &str) -> Option<Value> {
    message.get_mut("arguments")?.as_object_mut()?.shift_remove(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(command: &str, arguments: Value) -> Value {
        json!({"seq": 1, "type": "request", "command": command, "arguments": arguments})
    }

    fn judge(guest: &mut Guest, command: &str, arguments: Value) -> Verdict {
        guest.judge(&mut request(command, arguments))
    }

    fn token() -> Gate {
        Gate::Token(Token::read(" 0123456789abcdef\n").unwrap())
    }

    #[test]
    fn who_knows_the_token_is_let_in_and_the_token_goes_no_further() {
        let mut guest = Guest::new(token());
        assert_eq!(judge(&mut guest, "initialize", json!({})), Verdict::Pass);
        assert!(matches!(judge(&mut guest, "threads", json!({})), Verdict::Refuse(_)));
        let mut launch = request("launch", json!({"program": "a.py", TOKEN: "0123456789abcdef"}));
        assert_eq!(guest.judge(&mut launch), Verdict::Pass);
        assert_eq!(launch["arguments"], json!({"program": "a.py"}));
        assert_eq!(judge(&mut guest, "threads", json!({})), Verdict::Pass);
    }

    #[test]
    fn the_token_may_come_with_initialize() {
        let mut guest = Guest::new(token());
        assert_eq!(judge(&mut guest, "initialize", json!({TOKEN: "0123456789abcdef"})), Verdict::Pass);
        assert!(!guest.is_inside());
        assert_eq!(judge(&mut guest, "attach", json!({})), Verdict::Pass);
        assert!(guest.is_inside());
    }

    #[test]
    fn who_does_not_know_it_is_shown_out() {
        for wrong in
            [json!({}), json!({TOKEN: "0123456789abcdeg"}), json!({TOKEN: "0123456789abcde"}), json!({TOKEN: 1})]
        {
            assert!(matches!(judge(&mut Guest::new(token()), "launch", wrong), Verdict::ShowOut(_)));
        }
    }

    #[test]
    fn a_door_for_children_lets_nobody_else_in() {
        let child = json!({CHILD: "x"});
        assert_eq!(judge(&mut Guest::new(Gate::Children), "attach", child.clone()), Verdict::Pass);
        for (command, arguments) in [("launch", child), ("attach", json!({})), ("launch", json!({}))] {
            assert!(matches!(judge(&mut Guest::new(Gate::Children), command, arguments), Verdict::ShowOut(_)));
        }
    }

    #[test]
    fn a_token_that_could_be_guessed_or_not_be_written_is_none() {
        assert_eq!(Token::read("short\n"), Err(TokenFault::TooShort));
        assert_eq!(Token::read("0123456789 abcdef"), Err(TokenFault::Unwritable));
        assert_eq!(Token::read(&"x".repeat(1025)), Err(TokenFault::Unwritable));
    }
}
