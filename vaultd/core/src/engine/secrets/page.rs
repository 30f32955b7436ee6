//! Pages of listings, and the positions between them.

use minicbor::{Decode, Encode};

use super::Refusal;

const DEFAULT_SIZE: usize = 100;
const MAX_SIZE: usize = 1000;

/// Which part of a listing.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// 1 to 1000; 0: 100.
    pub size: usize,
    /// After this.
    pub after: Option<Position>,
}

/// A part of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// In the listing's order.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
}

/// A place in a listing. Holds names and ids: it leaves the node sealed.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Position(#[n(0)] pub(super) At);

/// The last item that was looked at.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub(super) enum At {
    /// A name in the tree: its secret or, all within included, its folder.
    #[n(0)]
    Name {
        #[n(0)]
        path: String,
        #[n(1)]
        folder: bool,
    },
    /// A secret's id.
    #[n(1)]
    Id(#[n(0)] u64),
    /// A version's number.
    #[n(2)]
    Version(#[n(0)] u64),
    /// A record's key.
    #[n(3)]
    Key(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
}

impl PageRequest {
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        match self.size {
            0 => Ok(DEFAULT_SIZE),
            1..=MAX_SIZE => Ok(self.size),
            _ => Err(Refusal::Invalid("a page has at most 1000 items")),
        }
    }
}

impl Position {
    /// To be sealed into a cursor.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Encoding into memory cannot fail.
        let _infallible = minicbor::encode(self, &mut bytes);
        bytes
    }

    /// From an opened cursor.
    ///
    /// # Errors
    /// When the bytes are no position.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        minicbor::decode(bytes).map_err(|_| Refusal::PositionInvalid)
    }
}

/// Names stay out of logs.
impl std::fmt::Debug for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Position(..)")
    }
}
