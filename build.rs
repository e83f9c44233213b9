//! Compiles `proto/` with protox, so that no `protoc` need be installed; tells the linker how the program is loaded.

use std::{env, error::Error, fs, path::PathBuf};

use prost_build::Config;
use protox::prost::Message as _;

const OPS: &str = "buildkit/ops.proto";
const SERVICES: [&str; 12] = [
    "buildkit/auth.proto",
    "buildkit/control.proto",
    "buildkit/filesync.proto",
    "buildkit/gateway.proto",
    "buildkit/policy.proto",
    "buildkit/secrets.proto",
    "buildkit/ssh.proto",
    "buildkit/worker.proto",
    "content.proto",
    "fsutil.proto",
    "health.proto",
    "status.proto",
];

#[allow(clippy::disallowed_methods, reason = "a build script is told by its environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    // At fixed addresses, as helm's and kubectl's programs are: sixty thousand addresses need no mending at each start.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-bin=werf=-no-pie");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);

    // Maps in key order: equal ops must have equal bytes.
    Config::new().btree_map(["."]).compile_fds(protox::compile([OPS], ["proto"])?)?;

    let all = protox::compile(SERVICES, ["proto"])?;
    // For the test that holds our numbers against a published set of types.
    fs::write(out.join("descriptors.bin"), all.encode_to_vec())?;
    tonic_prost_build::configure()
        .btree_map(".")
        .extern_path(".pb", "crate::images::llb::pb")
        .include_file("services.rs")
        .compile_fds(all)
        .map_err(Into::into)
}
