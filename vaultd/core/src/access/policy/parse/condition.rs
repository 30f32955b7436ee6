//! `Condition` blocks: known operators over known keys with values of the right form.

use super::{Fault, Variables, short};
use crate::access::policy::{
    condition::{Condition, Operand, Wanted},
    error::Spot,
    form::{self, FormError},
    json::{Node, Value, Word},
    key::Key,
    operator::{Family, Operator, Quantifier, Relation},
    template::{Fields, Template, TemplateError, Wildcards},
    value::{self, Net, NetError},
};

pub(super) fn block(node: Node, variables: Variables) -> Result<Vec<Condition>, Fault> {
    let mut found = Vec::new();
    for (word, keys) in object(node, "`Condition` is an object of operators")? {
        let operator = Operator::from_name(&word.text)
            .ok_or_else(|| Fault::new(word.spot, format!("`{}` is no operator", word.text)))?;
        let first = found.len();
        for (name, values) in object(keys, "an operator has an object of keys")? {
            let condition = condition(operator, &name, &values, variables)?;
            // `aws:SourceIp` and `vault:SourceIp` are one key.
            let twice = found
                .iter()
                .skip(first)
                .any(|other: &Condition| other.key == condition.key);
            if twice {
                return Err(Fault::new(
                    name.spot,
                    format!("`{}` is given twice", condition.key),
                ));
            }
            found.push(condition);
        }
    }
    Ok(found)
}

fn object(node: Node, shape: &str) -> Result<Vec<(Word, Node)>, Fault> {
    let wrong = || Fault::new(node.spot, format!("{shape}, and not empty"));
    let Value::Object(entries) = node.value else {
        return Err(wrong());
    };
    if entries.is_empty() {
        Err(wrong())
    } else {
        Ok(entries)
    }
}

fn condition(
    operator: Operator,
    name: &Word,
    values: &Node,
    variables: Variables,
) -> Result<Condition, Fault> {
    let wrong = |message: String| Fault::new(name.spot, message);
    let key =
        Key::from_name(&name.text).map_err(|error| wrong(format!("`{}` {error}", name.text)))?;
    let kind = key.kind();
    if !kind.takes(operator.base.family) {
        let instead = kind.operators();
        return Err(wrong(format!(
            "`{operator}` does not compare `{key}`: use {instead}"
        )));
    }
    let one = operator.quantifier == Quantifier::One && operator.base.family != Family::Null;
    if key.is_set() && one {
        let message = format!(
            "`{key}` has several values: write `ForAllValues:` or `ForAnyValue:` before the operator"
        );
        return Err(wrong(message));
    }
    let values = scalars(values)?
        .into_iter()
        .map(|(spot, text)| {
            let wanted = wanted(operator, spot, text, variables)?;
            form(operator, &key, &wanted)
                .map_err(|error| Fault::new(spot, format!("`{}` {error}", short(text))))?;
            Ok(wanted)
        })
        .collect::<Result<_, _>>()?;
    Ok(Condition {
        spot: name.spot,
        operator,
        key,
        values,
    })
}

/// Whether a value is in a form that requests have.
fn form(operator: Operator, key: &Key, wanted: &Wanted) -> Result<(), FormError> {
    let templates = match &wanted.operand {
        Operand::Text(template) => std::slice::from_ref(template),
        Operand::Fields(fields) => fields.templates(),
        Operand::Number(_)
        | Operand::Date(_)
        | Operand::Flag(_)
        | Operand::Bytes(_)
        | Operand::Net(_) => return Ok(()),
    };
    form::text(&wanted.text)?;
    if *key != Key::PrincipalName {
        return Ok(());
    }
    let check = if operator.base.relation == Relation::EqualsIgnoreCase {
        form::name_ignoring_case
    } else {
        form::name
    };
    templates.iter().try_for_each(check)
}

/// Texts, numbers and flags alike, as AWS takes them.
fn scalars(node: &Node) -> Result<Vec<(Spot, &str)>, Fault> {
    let single = std::slice::from_ref(node);
    let nodes = match &node.value {
        Value::List(nodes) if nodes.is_empty() => {
            return Err(Fault::new(node.spot, "a condition has at least one value"));
        }
        Value::List(nodes) => nodes,
        Value::Null | Value::Flag(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => {
            single
        }
    };
    let scalar = |node: &'_ Node| match &node.value {
        Value::Text(_) | Value::Number(_) | Value::Flag(_) => Ok(()),
        Value::Null | Value::List(_) | Value::Object(_) => Err(Fault::new(
            node.spot,
            "a value is a text, a number, true or false",
        )),
    };
    nodes.iter().try_for_each(scalar)?;
    Ok(nodes.iter().map(|node| (node.spot, plain(node))).collect())
}

fn plain(node: &Node) -> &str {
    match &node.value {
        Value::Text(text) | Value::Number(text) => text,
        Value::Flag(true) => "true",
        Value::Flag(false) | Value::Null | Value::List(_) | Value::Object(_) => "false",
    }
}

fn wanted(
    operator: Operator,
    spot: Spot,
    text: &str,
    variables: Variables,
) -> Result<Wanted, Fault> {
    let wrong = |what: &str| Fault::new(spot, format!("`{}` {what}", short(text)));
    let template = |error: TemplateError| wrong(&format!(": {error}"));
    let operand = match operator.base.family {
        Family::Text => {
            let wildcards = if operator.base.relation == Relation::Like {
                Wildcards::On
            } else {
                Wildcards::Off
            };
            Operand::Text(Template::parse(text, wildcards, variables).map_err(template)?)
        }
        Family::Arn => Operand::Fields(Fields::parse(text, variables).map_err(template)?),
        Family::Number => {
            let number = value::number(text);
            Operand::Number(number.ok_or_else(|| wrong("is no number like `-12.5`"))?)
        }
        Family::Date => {
            let date = value::date(text);
            let what =
                "is no date like `2026-11-24T12:30:00Z` or `2026-11-24`, nor seconds since 1970";
            Operand::Date(date.ok_or_else(|| wrong(what))?)
        }
        Family::Flag | Family::Null => {
            Operand::Flag(value::flag(text).ok_or_else(|| wrong("is neither `true` nor `false`"))?)
        }
        Family::Bytes => {
            Operand::Bytes(value::bytes(text).ok_or_else(|| wrong("is not padded base64"))?)
        }
        Family::Net => {
            Operand::Net(Net::try_from(text).map_err(|error: NetError| wrong(&error.to_string()))?)
        }
    };
    Ok(Wanted {
        text: text.into(),
        operand,
    })
}
