//! `vault.v1.Audit`: readings of the audit trail, as streams.

use std::sync::Arc;

use jiff::Timestamp;
use tonic::{Request, Response, Status};
use vault_proto::v1;
use vault_proto::v1::audit_server::Audit;
use vault_proto::v1::{
    AuditCheck, AuditFilter, AuditPage, Reason, SearchAuditRequest, TailAuditRequest,
    VerifyAuditRequest,
};

use super::Door;
use super::flow::{Outgoing, Sender, outgoing, patience};
use super::metadata::{call, id_text, refuse, respond};
use super::status::status;
use crate::app::{
    Answer, App, AuditQuery, Call, Checked, Ending, Error, Finding, Flaw, Match, Page, Reading,
    Result, Summary, Work,
};

type Reply<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl Audit for Door {
    type TailAuditStream = Outgoing<AuditPage>;
    type SearchAuditStream = Outgoing<AuditPage>;
    type VerifyAuditStream = Outgoing<AuditCheck>;

    async fn tail_audit(&self, request: Request<TailAuditRequest>) -> Reply<Outgoing<AuditPage>> {
        let call = call("/vault.v1.Audit/TailAudit", &request)?;
        let patience = patience(&request);
        let request = request.into_inner();
        let query = match query(request.filter) {
            Ok(query) => query,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let ending = Ending {
            last: request.last,
            once: request.once,
        };
        let answer = self.app.tail_audit(&call, &query, ending).await;
        self.stream(&call, answer, outgoing(patience), page)
    }

    async fn search_audit(
        &self,
        request: Request<SearchAuditRequest>,
    ) -> Reply<Outgoing<AuditPage>> {
        let call = call("/vault.v1.Audit/SearchAudit", &request)?;
        let patience = patience(&request);
        let request = request.into_inner();
        let query = match query(request.filter) {
            Ok(query) => query,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.search_audit(&call, &query, request.limit).await;
        self.stream(&call, answer, outgoing(patience), page)
    }

    async fn verify_audit(
        &self,
        request: Request<VerifyAuditRequest>,
    ) -> Reply<Outgoing<AuditCheck>> {
        let call = call("/vault.v1.Audit/VerifyAudit", &request)?;
        let patience = patience(&request);
        let answer = self.app.verify_audit(&call).await;
        self.stream(&call, answer, outgoing(patience), check)
    }
}

impl Door {
    fn stream<W: Work, M: Send + 'static>(
        &self,
        call: &Call,
        answer: Result<Answer<Reading<W>>>,
        (sender, outgoing): (Sender<M>, Outgoing<M>),
        message: fn(W::Piece) -> M,
    ) -> Reply<Outgoing<M>> {
        respond(call, answer, |reading| {
            let (app, id) = (Arc::clone(&self.app), id_text(call.request_id));
            tokio::spawn(send(app, reading, sender, message, id));
            outgoing
        })
    }
}

/// Sends what is read until there is no more, or the client goes away or takes nothing for too long.
async fn send<W: Work, M>(
    app: Arc<App>,
    mut reading: Reading<W>,
    sender: Sender<M>,
    message: fn(W::Piece) -> M,
    id: String,
) {
    loop {
        let next = tokio::select! {
            next = reading.next(&app) => next,
            () = sender.closed() => return,
        };
        match next {
            Ok(Some(piece)) => {
                if sender.send(message(piece)).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => return sender.fail(status(&error, &id)).await,
        }
    }
}

fn query(filter: Option<AuditFilter>) -> Result<AuditQuery> {
    let filter = filter.unwrap_or_default();
    Ok(AuditQuery {
        callers: filter.callers,
        actions: filter.actions,
        resources: filter.resources,
        outcomes: filter.outcomes,
        since: filter.since.map(time).transpose()?,
        until: filter.until.map(time).transpose()?,
    })
}

fn time(time: prost_types::Timestamp) -> Result<Timestamp> {
    Timestamp::new(time.seconds, time.nanos)
        .map_err(|_| Error::new(Reason::RequestInvalid, "a time is out of range"))
}

fn page(page: Page) -> AuditPage {
    AuditPage {
        lines: page.lines.into_iter().map(line).collect(),
        unreadable: page.unreadable,
        limited: page.limited,
    }
}

fn line(line: Match) -> v1::AuditLine {
    v1::AuditLine {
        sequence: line.sequence,
        json: line.text,
        names: line.names,
    }
}

fn check(checked: Checked) -> AuditCheck {
    AuditCheck {
        findings: checked.findings.into_iter().map(finding).collect(),
        summary: checked.summary.map(summary),
    }
}

fn finding(finding: Finding) -> v1::AuditFinding {
    use v1::audit_finding::Flaw as Wire;
    let flaw = match finding.flaw {
        Flaw::Unreadable => Wire::Unreadable,
        Flaw::Altered => Wire::Altered,
        Flaw::Gap => Wire::Gap,
        Flaw::Repeated => Wire::Repeated,
        Flaw::CutShort => Wire::CutShort,
    };
    v1::AuditFinding {
        file: finding.file,
        line: finding.line,
        sequence: finding.sequence,
        flaw: flaw.into(),
        text: finding.text,
    }
}

fn summary(summary: Summary) -> v1::AuditSummary {
    v1::AuditSummary {
        files: summary.files,
        lines: summary.lines,
        first: summary.first,
        last: summary.last,
        findings: summary.findings,
    }
}
