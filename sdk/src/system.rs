//! Birth, sealing and keys of a node.

use vault_proto::v1;
use vault_proto::v1::system_client::SystemClient;

use crate::call::Safety;
use crate::{Error, Text, Token, Vault};

/// Calls about the node itself.
#[derive(Clone, Copy, Debug)]
pub struct System<'a>(pub(crate) &'a Vault);

/// What a holder of key material enters.
#[derive(Debug)]
pub enum UnsealKey {
    /// One Shamir share.
    Share(Text),
    /// The passphrase of a passphrase seal.
    Passphrase(Text),
}

/// What `init` prepared. Nothing of it is shown again, and nothing of it is worth anything until it is confirmed.
#[derive(Debug)]
pub struct Initialised {
    /// For [`System::confirm_init`].
    pub ceremony: String,
    /// 32 hexadecimal digits.
    pub cluster_id: String,
    /// Shares of a Shamir seal.
    pub shares: Vec<Text>,
    /// Offline recovery shares beside another kind of seal.
    pub recovery_shares: Vec<Text>,
    /// A passphrase that the node made.
    pub passphrase: Option<Text>,
    /// The first administrator's token.
    pub initial_token: Token,
    /// What the node's bootstrap file makes of the vault, a line each.
    pub bootstrap: Vec<String>,
}

/// Where a rekey stands.
#[derive(Debug)]
pub struct Rekey {
    /// Names it in every later step.
    pub ceremony: String,
    /// What is awaited.
    pub phase: v1::rekey_status::Phase,
    /// Shares entered in this phase.
    pub progress: Option<v1::UnsealProgress>,
    /// New shares; returned once.
    pub shares: Vec<Text>,
    /// New recovery shares; returned once.
    pub recovery_shares: Vec<Text>,
    /// A new passphrase that the node made; returned once.
    pub passphrase: Option<Text>,
}

impl System<'_> {
    /// State of the node that answers.
    ///
    /// # Errors
    /// When no node answers.
    pub async fn status(self) -> Result<v1::GetStatusResponse, Error> {
        let send =
            |channel, request| async { SystemClient::new(channel).get_status(request).await };
        self.0
            .call(Safety::Read, v1::GetStatusRequest {}, send)
            .await
    }

    /// Prepares a cluster, which comes to exist by [`Self::confirm_init`]: first bring what this returns to safety.
    /// `setup_code` is needed over TCP.
    ///
    /// # Errors
    /// When the vault exists already, or the setup code is wrong.
    pub async fn init(
        self,
        seal: v1::SealConfig,
        setup_code: Option<&Text>,
    ) -> Result<Initialised, Error> {
        let setup_code = setup_code
            .map(|code| code.expose().to_owned())
            .unwrap_or_default();
        let message = v1::InitRequest {
            seal: Some(seal),
            setup_code,
        };
        let send = |channel, request| async { SystemClient::new(channel).init(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(Initialised {
            ceremony: reply.ceremony,
            cluster_id: reply.cluster_id,
            shares: texts(reply.shares),
            recovery_shares: texts(reply.recovery_shares),
            passphrase: optional(reply.passphrase),
            initial_token: Token::new(reply.initial_token),
            bootstrap: reply.bootstrap,
        })
    }

    /// Creates the cluster that [`Self::init`] prepared, within ten minutes.
    ///
    /// # Errors
    /// When another `init` came after it, it was left alone for too long, or the vault exists already. After
    /// [`Kind::Unknown`](crate::Kind) the vault exists if [`Self::status`] shows its cluster id.
    pub async fn confirm_init(
        self,
        ceremony: &str,
        setup_code: Option<&Text>,
    ) -> Result<(), Error> {
        // EXPOSE: to the server
        let setup_code = setup_code
            .map(|code| code.expose().to_owned())
            .unwrap_or_default();
        let message = v1::ConfirmInitRequest {
            ceremony: ceremony.to_owned(),
            setup_code,
        };
        let send =
            |channel, request| async { SystemClient::new(channel).confirm_init(request).await };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }

    /// Enters one share, or the passphrase.
    ///
    /// # Errors
    /// Names a share that is malformed, foreign, wrong or entered twice.
    pub async fn unseal(self, key: &UnsealKey) -> Result<v1::UnsealResponse, Error> {
        use v1::unseal_request::Key;
        let key = match key {
            UnsealKey::Share(share) => Key::Share(share.expose().to_owned()),
            UnsealKey::Passphrase(passphrase) => Key::Passphrase(passphrase.expose().to_owned()),
        };
        let send = |channel, request| async { SystemClient::new(channel).unseal(request).await };
        self.0
            .call(Safety::Once, v1::UnsealRequest { key: Some(key) }, send)
            .await
    }

    /// Forgets the shares entered so far; a valid share proves the right to.
    ///
    /// # Errors
    /// When the share is not one of this vault.
    pub async fn cancel_unseal(self, share: &Text) -> Result<v1::UnsealResponse, Error> {
        let message = v1::CancelUnsealRequest {
            share: share.expose().to_owned(),
        };
        let send =
            |channel, request| async { SystemClient::new(channel).cancel_unseal(request).await };
        self.0.call(Safety::Once, message, send).await
    }

    /// Scrubs all key material from the node's memory.
    ///
    /// # Errors
    /// When not granted.
    pub async fn seal(self) -> Result<(), Error> {
        let send = |channel, request| async { SystemClient::new(channel).seal(request).await };
        self.0
            .call(Safety::Once, v1::SealRequest {}, send)
            .await
            .map(drop)
    }

    /// Begins replacing the root key and its seal.
    ///
    /// # Errors
    /// When not granted, or one is under way.
    pub async fn start_rekey(self, seal: v1::SealConfig) -> Result<Rekey, Error> {
        let message = v1::StartRekeyRequest { seal: Some(seal) };
        let send =
            |channel, request| async { SystemClient::new(channel).start_rekey(request).await };
        self.0
            .call(Safety::Once, message, send)
            .await
            .map(Rekey::from)
    }

    /// Enters a share of the present seal, or re-enters a new one, in the rekey of this id.
    ///
    /// # Errors
    /// Names a share that is malformed, foreign, wrong or entered twice.
    pub async fn submit_rekey(self, ceremony: &str, key: &UnsealKey) -> Result<Rekey, Error> {
        use v1::submit_rekey_request::Key;
        let key = match key {
            UnsealKey::Share(share) => Key::Share(share.expose().to_owned()),
            UnsealKey::Passphrase(passphrase) => Key::Passphrase(passphrase.expose().to_owned()),
        };
        let send =
            |channel, request| async { SystemClient::new(channel).submit_rekey(request).await };
        let message = v1::SubmitRekeyRequest {
            key: Some(key),
            ceremony: ceremony.to_owned(),
        };
        self.0
            .call(Safety::Once, message, send)
            .await
            .map(Rekey::from)
    }

    /// Abandons the rekey of this id; the present seal stays.
    ///
    /// # Errors
    /// When it is not under way.
    pub async fn cancel_rekey(self, ceremony: &str) -> Result<Rekey, Error> {
        let message = v1::CancelRekeyRequest {
            ceremony: ceremony.to_owned(),
        };
        let send =
            |channel, request| async { SystemClient::new(channel).cancel_rekey(request).await };
        self.0
            .call(Safety::Once, message, send)
            .await
            .map(Rekey::from)
    }

    /// New terms of the keys inside the keyring.
    ///
    /// # Errors
    /// When not granted.
    pub async fn rotate_keyring(self) -> Result<v1::KeyringStatus, Error> {
        let send =
            |channel, request| async { SystemClient::new(channel).rotate_keyring(request).await };
        self.0
            .call(Safety::Once, v1::RotateKeyringRequest {}, send)
            .await
    }

    /// Terms of the keys, and how far re-wrapping is.
    ///
    /// # Errors
    /// When not granted.
    pub async fn keyring_status(self) -> Result<v1::KeyringStatus, Error> {
        let send = |channel, request| async {
            SystemClient::new(channel).get_keyring_status(request).await
        };
        self.0
            .call(Safety::Read, v1::GetKeyringStatusRequest {}, send)
            .await
    }
}

impl From<v1::RekeyStatus> for Rekey {
    fn from(reply: v1::RekeyStatus) -> Self {
        Self {
            phase: reply.phase(),
            ceremony: reply.ceremony,
            progress: reply.progress,
            shares: texts(reply.shares),
            recovery_shares: texts(reply.recovery_shares),
            passphrase: optional(reply.passphrase),
        }
    }
}

pub(crate) fn texts(list: Vec<String>) -> Vec<Text> {
    list.into_iter().map(Text::new).collect()
}

pub(crate) fn optional(text: String) -> Option<Text> {
    (!text.is_empty()).then(|| Text::new(text))
}
