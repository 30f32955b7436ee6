//! A bound on what deciding by one document costs, however its patterns are made: matching takes a step for each
//! character behind a `*` and each character of the text, at worst.

use crate::access::policy::{
    condition::Operand,
    document::Document,
    error::{Fault, Spot},
    template::Template,
};

/// Most characters behind the first `*` of patterns, all of a document together.
const MAX_EFFORT: usize = 8192;

pub(super) fn check(document: &Document) -> Result<(), Fault> {
    let mut effort = 0;
    let mut spend = |spot: Spot, pattern: &Template| {
        effort += pattern.effort();
        if effort > MAX_EFFORT {
            let message = format!(
                "the patterns of a policy have at most {MAX_EFFORT} characters behind their first `*`, all \
                 together: split the policy, or write longer beginnings"
            );
            return Err(Fault::new(spot, message));
        }
        Ok(())
    };
    for statement in &document.statements {
        for entry in statement
            .resources
            .iter()
            .flat_map(|listed| &listed.entries)
        {
            spend(entry.spot, &entry.template)?;
        }
        for condition in &statement.conditions {
            for wanted in &condition.values {
                match &wanted.operand {
                    Operand::Text(template) => spend(condition.spot, template)?,
                    Operand::Fields(fields) => fields
                        .templates()
                        .iter()
                        .try_for_each(|template| spend(condition.spot, template))?,
                    Operand::Number(_)
                    | Operand::Date(_)
                    | Operand::Flag(_)
                    | Operand::Bytes(_)
                    | Operand::Net(_) => {}
                }
            }
        }
    }
    Ok(())
}
