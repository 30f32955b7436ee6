//! Compiles the protos without `protoc`, takes Debug away from messages that carry secrets, and
//! writes the one table of methods that authorisation, the role matrix and the docs read.

use std::fmt::Write as _;
use std::path::PathBuf;

const FILES: [&str; 18] = [
    "vault/v1/options.proto",
    "vault/v1/errors.proto",
    "vault/v1/system.proto",
    "vault/v1/root.proto",
    "vault/v1/regions.proto",
    "vault/v1/auth.proto",
    "vault/v1/secrets.proto",
    "vault/v1/sharing.proto",
    "vault/v1/backup.proto",
    "vault/v1/identity.proto",
    "vault/v1/policies.proto",
    "vault/v1/resource_policies.proto",
    "vault/v1/audit.proto",
    "vault/v1/sessions.proto",
    "vault/v1/mfa.proto",
    "vault/v1/programs.proto",
    "vault/v1/trust.proto",
    "vault/v1/cluster.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=vault");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["."])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(FILES)?;
    let pool = compiler.descriptor_pool();
    let descriptors = compiler.file_descriptor_set();
    // Encoded by the compiler, because prost's own types drop the options that are ours.
    std::fs::write(
        out.join("descriptors.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    let sensitive = pool
        .get_extension_by_name("vault.v1.sensitive")
        .ok_or("no sensitive")?;
    let action = pool
        .get_extension_by_name("vault.v1.action")
        .ok_or("no action")?;
    let access = pool
        .get_extension_by_name("vault.v1.access")
        .ok_or("no access")?;
    let local = pool
        .get_extension_by_name("vault.v1.local")
        .ok_or("no local")?;

    let mut config = tonic_prost_build::Config::new();
    config.bytes(["."]).btree_map(["."]);
    let mut redacted = String::new();
    let mut silent = Vec::new();
    for message in pool.all_messages() {
        let oneofs = message
            .oneofs()
            .filter(|o| o.fields().any(|f| f.options().has_extension(&sensitive)));
        for oneof in oneofs {
            silent.push(format!("{}.{}", message.full_name(), oneof.name()));
            let (module, kind) = (snake(message.name()), camel(oneof.name()));
            redact(&mut redacted, &format!("{module}::{kind}"), &kind)?;
        }
        if message
            .fields()
            .any(|f| f.options().has_extension(&sensitive))
        {
            silent.push(message.full_name().to_owned());
            redact(&mut redacted, message.name(), message.name())?;
        }
    }
    config.skip_debug(silent);
    std::fs::write(out.join("redacted.rs"), redacted)?;

    let mut methods = String::from(
        "/// Every method of every service, in the order of the proto files.\npub const METHODS: &[Method] = &[\n",
    );
    for service in pool.services() {
        for method in service.methods() {
            let options = method.options();
            let action = options.get_extension(&action);
            let access = options.get_extension(&access);
            let local = options.get_extension(&local);
            writeln!(
                methods,
                "    Method {{ path: \"/{}/{}\", action: {:?}, actions: &{:?}, access: Access::from_i32({}), local: {} }},",
                service.full_name(),
                method.name(),
                action.as_str().unwrap_or_default(),
                spelled_out(action.as_str().unwrap_or_default()),
                access.as_enum_number().unwrap_or_default(),
                local.as_bool().unwrap_or_default(),
            )?;
        }
    }
    methods.push_str("];\n");
    std::fs::write(out.join("methods.rs"), methods)?;

    tonic_prost_build::configure().compile_fds_with_config(descriptors, config)?;
    peers()
}

/// Node to node: no part of the public API, so neither in its table of methods nor in its descriptors.
fn peers() -> Result<(), Box<dyn std::error::Error>> {
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.open_files(["vault/peer/v1/peer.proto"])?;
    let mut config = tonic_prost_build::Config::new();
    config.bytes(["."]);
    tonic_prost_build::configure()
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

/// The actions of an option: `{user,group}:Create` is two.
fn spelled_out(action: &str) -> Vec<String> {
    let listed = action
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match listed {
        Some((before, (words, after))) => words
            .split(',')
            .map(|word| format!("{before}{word}{after}"))
            .collect(),
        None if action.is_empty() => Vec::new(),
        None => vec![action.to_owned()],
    }
}

fn redact(out: &mut String, path: &str, name: &str) -> std::fmt::Result {
    writeln!(
        out,
        "impl std::fmt::Debug for v1::{path} {{\n    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{\n        f.write_str(\"{name}(..)\")\n    }}\n}}"
    )
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

fn camel(name: &str) -> String {
    name.split('_')
        .map(|part| {
            part.chars()
                .take(1)
                .flat_map(char::to_uppercase)
                .chain(part.chars().skip(1))
                .collect::<String>()
        })
        .collect()
}
