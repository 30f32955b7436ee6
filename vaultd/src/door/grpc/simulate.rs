//! Who may do what: the part of `vault.v1.Identity` that changes nothing and asks the decision itself.

use tonic::{Request, Response, Status};
use vault_core::access::{Action, Resource};
use vault_proto::v1::{
    CanRequest, Reason, SimulateRequest, Simulation, WhoCanRequest, WhoCanResponse,
};

use super::metadata::{call, refuse, respond};
use super::{Door, parse};
use crate::app::{Error, Result, Simulated};

type Reply<T> = std::result::Result<Response<T>, Status>;

pub(super) async fn can(door: &Door, request: Request<CanRequest>) -> Reply<Simulation> {
    let call = call("/vault.v1.Identity/Can", &request)?;
    let asked = request.into_inner();
    let (action, resource) = match what(&asked.action, &asked.resource) {
        Ok(parsed) => parsed,
        Err(error) => return Err(refuse(door, &call, error).await),
    };
    let answer = door.app.can(&call, action, resource).await;
    respond(&call, answer, simulation)
}

pub(super) async fn simulate(door: &Door, request: Request<SimulateRequest>) -> Reply<Simulation> {
    let call = call("/vault.v1.Identity/Simulate", &request)?;
    let asked = request.into_inner();
    let parsed =
        parse::who(&asked.who).and_then(|who| Ok((who, what(&asked.action, &asked.resource)?)));
    let (who, (action, resource)) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return Err(refuse(door, &call, error).await),
    };
    let answer = door.app.simulate(&call, who, action, resource).await;
    respond(&call, answer, simulation)
}

pub(super) async fn who_can(door: &Door, request: Request<WhoCanRequest>) -> Reply<WhoCanResponse> {
    let call = call("/vault.v1.Identity/WhoCan", &request)?;
    let mut asked = request.into_inner();
    let (size, cursor) = (asked.page_size, std::mem::take(&mut asked.after));
    asked.page_size = 0;
    let parsed = what(&asked.action, &asked.resource)
        .and_then(|what| Ok((what, parse::paging(size, cursor, &asked)?)));
    let (what, paging) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return Err(refuse(door, &call, error).await),
    };
    let answer = door.app.who_can(&call, what, &paging).await;
    respond(&call, answer, |capable| WhoCanResponse {
        who: capable.who,
        next: capable.next,
    })
}

fn what(action: &str, resource: &str) -> Result<(Action, Resource)> {
    let action = Action::from_name(action).ok_or_else(|| {
        Error::new(
            Reason::RequestInvalid,
            format!("`{}` is no action", parse::shown(action)),
        )
    })?;
    Ok((action, parse::resource(resource)?))
}

fn simulation(simulated: Simulated) -> Simulation {
    Simulation {
        who: simulated.who,
        allowed: simulated.allowed,
        why: simulated.why.unwrap_or_default(),
    }
}
