//! What the language lets go wrong quietly: said when a document is read, with its place.
//!
//! A warning never changes what a document means. Codes are stable: scripts may look for them.

mod check;

use std::fmt;

use minicbor::{Decode, Encode};

use super::{document::Document, error::Spot};

/// Something that a document says and its author may not mean.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Warning {
    #[n(0)]
    code: Code,
    #[n(1)]
    line: usize,
    #[n(2)]
    column: usize,
    #[n(3)]
    subject: Box<str>,
}

/// Declares codes with what they say.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $text:literal $message:literal;)*) => {
        /// What a warning is about.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Code {
            $($(#[$doc])* $variant),*
        }

        impl Code {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            fn message(self) -> &'static str {
                match self { $(Self::$variant => $message),* }
            }
        }
    };
}

codes! {
    /// `Allow` with `NotAction`.
    AllowNotAction "ALLOW_NOT_ACTION" "allows every action but these, those of later releases too";
    /// `Allow` with `NotResource`.
    AllowNotResource "ALLOW_NOT_RESOURCE" "allows every resource but these";
    /// `Allow` with `NotPrincipal`.
    AllowNotPrincipal "ALLOW_NOT_PRINCIPAL" "allows everybody but these";
    /// All actions on all resources, unconditionally.
    AllowEverything "ALLOW_EVERYTHING" "allows every action on every resource";
    /// Everybody, unconditionally.
    AllowAnyone "ALLOW_ANYONE" "allows everybody who can log in";
    /// An Allow that names the session of a role.
    SessionNameIsChosen "SESSION_NAME_IS_CHOSEN" "is called so by whoever assumes the role, and no boundary or session policy narrows what this allows it; have the role's trust policy ask for `vault:RoleSessionName`";
    /// A variable without which a Deny does not apply, or an Allow applies more widely.
    UnresolvedVariable "UNRESOLVED_VARIABLE" "may have no value, and then the statement applies otherwise than it seems; give a default: `${key, 'x'}`";
    /// `ForAllValues:` in an Allow.
    ForAllInAllow "FOR_ALL_VALUES_IN_ALLOW" "is true of a request without the key, and allows it; add a `Null` test";
    /// A negated operator on a key that may be absent, in an Allow.
    NegatedInAllow "NEGATED_IN_ALLOW" "is true of a request without the key, and allows it; add a `Null` test";
    /// `IfExists` in an Allow.
    IfExistsInAllow "IF_EXISTS_IN_ALLOW" "is true of a request without the key, and allows it";
    /// `Bool` on a key that may be absent.
    BoolOnAbsent "BOOL_ON_ABSENT_KEY" "is false of a request without the key, whichever value is asked for; write `BoolIfExists` or add a `Null` test";
    /// A Deny that a request without the key escapes.
    DenyEscapes "DENY_ESCAPES_ABSENT_KEY" "is false of a request without the key, which is not denied";
    /// A set qualifier on a key with one value.
    SetOnSingle "SET_QUALIFIER_ON_SINGLE_VALUE" "has one value at most: the qualifier only changes what its absence means";
    /// The key is what the client says it is.
    ClientSays "CLIENT_SAYS" "is whatever the client says it is";
    /// `${…}` in a document that does not turn variables on.
    VariablesOff "VARIABLES_ARE_OFF" "is plain text: variables need `\"Version\": \"2012-10-17\"`";
    /// `*` where it is no wildcard.
    LiteralWildcard "LITERAL_WILDCARD" "compares `*` and `?` as they are; wildcards need `StringLike`";
    /// Nothing is ever meant.
    NeverMatches "NEVER_MATCHES" "can never match a request";
    /// Another entry of the list means it too.
    RedundantEntry "REDUNDANT_ENTRY" "is meant by another entry of the list already";
    /// An earlier statement does the same.
    RedundantStatement "REDUNDANT_STATEMENT" "does nothing that an earlier statement does not do";
}

/// By its name, which is stable.
impl<C> Encode<C> for Code {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Code {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let name = d.str()?;
        let code = Self::ALL.iter().find(|code| code.as_str() == name);
        code.copied()
            .ok_or_else(|| minicbor::decode::Error::message("there is no such warning"))
    }
}

impl Warning {
    fn new(text: &str, spot: Spot, code: Code, subject: &str) -> Self {
        let (line, column) = spot.place(text);
        Self {
            code,
            line,
            column,
            subject: subject.into(),
        }
    }

    /// What it is about.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Counted from one.
    pub fn line(&self) -> usize {
        self.line
    }

    /// In characters, counted from one.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong with which word, without place and code.
    pub fn message(&self) -> String {
        format!("`{}` {}", self.subject, self.code.message())
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column, code) = (self.line, self.column, self.code.as_str());
        write!(
            f,
            "line {line}, column {column}: {code}: {}",
            self.message()
        )
    }
}

/// Most warnings of one document: who reads more than these has not mended the first.
const MAX_WARNINGS: usize = 100;

/// What of a document its author may not mean, in the order of the text.
pub(super) fn of(document: &Document, text: &str) -> Vec<Warning> {
    let mut found = check::document(document);
    found.sort_by_key(|found| (found.spot.0, found.code));
    found.truncate(MAX_WARNINGS);
    let mut warnings: Vec<Warning> = found
        .into_iter()
        .map(|found| Warning::new(text, found.spot, found.code, &found.subject))
        .collect();
    warnings.dedup();
    warnings
}
