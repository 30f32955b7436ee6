//! Files of secrets in other people's formats.

pub(crate) mod dotenv;
