//! Our message and field numbers against a published set of types that were generated from BuildKit's own files.
//!
//! Every field of our message gets a value of its own. The bytes are read as the published type: the same names must then have
//! the same values, and nothing may be lost when it is written again.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use bollard_buildkit_proto::{fsutil, google, health, moby, pb as theirs};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use regex::Regex;
use werf::images::buildkit::proto as ours;
use werf::images::llb::pb;

/// How deep messages within messages are filled.
const DEPTH: usize = 5;

#[test]
fn our_numbers_are_those_of_buildkit() -> Result<()> {
    let descriptors = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    let pool = DescriptorPool::decode(descriptors.as_slice())?;
    let mut checked = BTreeSet::new();
    macro_rules! check {
        ($($name:literal: $ours:ty = $theirs:ty,)*) => {$(
            check::<$ours, $theirs>(&pool, $name).with_context(|| $name)?;
            checked.insert($name.to_owned());
        )*};
    }
    check! {
        "pb.Op": pb::Op = theirs::Op,
        "pb.ExecOp": pb::ExecOp = theirs::ExecOp,
        "pb.FileOp": pb::FileOp = theirs::FileOp,
        "pb.ChownOpt": pb::ChownOpt = theirs::ChownOpt,
        "pb.Source": pb::Source = theirs::Source,
        "pb.Locations": pb::Locations = theirs::Locations,
        "pb.Definition": pb::Definition = theirs::Definition,
        "pb.OpMetadata": pb::OpMetadata = theirs::OpMetadata,
        "moby.buildkit.v1.PruneRequest": ours::moby::buildkit::v1::PruneRequest = moby::buildkit::v1::PruneRequest,
        "moby.buildkit.v1.DiskUsageRequest": ours::moby::buildkit::v1::DiskUsageRequest = moby::buildkit::v1::DiskUsageRequest,
        "moby.buildkit.v1.DiskUsageResponse": ours::moby::buildkit::v1::DiskUsageResponse = moby::buildkit::v1::DiskUsageResponse,
        "moby.buildkit.v1.SolveRequest": ours::moby::buildkit::v1::SolveRequest = moby::buildkit::v1::SolveRequest,
        "moby.buildkit.v1.SolveResponse": ours::moby::buildkit::v1::SolveResponse = moby::buildkit::v1::SolveResponse,
        "moby.buildkit.v1.StatusRequest": ours::moby::buildkit::v1::StatusRequest = moby::buildkit::v1::StatusRequest,
        "moby.buildkit.v1.StatusResponse": ours::moby::buildkit::v1::StatusResponse = moby::buildkit::v1::StatusResponse,
        "moby.buildkit.v1.BytesMessage": ours::moby::buildkit::v1::BytesMessage = moby::buildkit::v1::BytesMessage,
        "moby.buildkit.v1.ListWorkersRequest":
            ours::moby::buildkit::v1::ListWorkersRequest = moby::buildkit::v1::ListWorkersRequest,
        "moby.buildkit.v1.ListWorkersResponse":
            ours::moby::buildkit::v1::ListWorkersResponse = moby::buildkit::v1::ListWorkersResponse,
        "moby.buildkit.v1.InfoResponse": ours::moby::buildkit::v1::InfoResponse = moby::buildkit::v1::InfoResponse,
        "moby.buildkit.secrets.v1.GetSecretRequest":
            ours::moby::buildkit::secrets::v1::GetSecretRequest = moby::buildkit::secrets::v1::GetSecretRequest,
        "moby.buildkit.secrets.v1.GetSecretResponse":
            ours::moby::buildkit::secrets::v1::GetSecretResponse = moby::buildkit::secrets::v1::GetSecretResponse,
        "moby.filesync.v1.CredentialsRequest":
            ours::moby::filesync::v1::CredentialsRequest = moby::filesync::v1::CredentialsRequest,
        "moby.filesync.v1.CredentialsResponse":
            ours::moby::filesync::v1::CredentialsResponse = moby::filesync::v1::CredentialsResponse,
        "moby.filesync.v1.FetchTokenRequest":
            ours::moby::filesync::v1::FetchTokenRequest = moby::filesync::v1::FetchTokenRequest,
        "moby.filesync.v1.FetchTokenResponse":
            ours::moby::filesync::v1::FetchTokenResponse = moby::filesync::v1::FetchTokenResponse,
        "moby.buildkit.v1.InfoRequest": ours::moby::buildkit::v1::InfoRequest = moby::buildkit::v1::InfoRequest,
        "moby.filesync.v1.BytesMessage": ours::moby::filesync::v1::BytesMessage = moby::filesync::v1::BytesMessage,
        "moby.filesync.v1.GetTokenAuthorityResponse":
            ours::moby::filesync::v1::GetTokenAuthorityResponse = moby::filesync::v1::GetTokenAuthorityResponse,
        "moby.filesync.v1.VerifyTokenAuthorityRequest":
            ours::moby::filesync::v1::VerifyTokenAuthorityRequest = moby::filesync::v1::VerifyTokenAuthorityRequest,
        "moby.filesync.v1.VerifyTokenAuthorityResponse":
            ours::moby::filesync::v1::VerifyTokenAuthorityResponse = moby::filesync::v1::VerifyTokenAuthorityResponse,
        "moby.sshforward.v1.BytesMessage": ours::moby::sshforward::v1::BytesMessage = moby::sshforward::v1::BytesMessage,
        "moby.sshforward.v1.CheckAgentRequest":
            ours::moby::sshforward::v1::CheckAgentRequest = moby::sshforward::v1::CheckAgentRequest,
        "moby.sshforward.v1.CheckAgentResponse":
            ours::moby::sshforward::v1::CheckAgentResponse = moby::sshforward::v1::CheckAgentResponse,
        "grpc.health.v1.HealthCheckRequest": ours::grpc::health::v1::HealthCheckRequest = health::HealthCheckRequest,
        "moby.filesync.v1.GetTokenAuthorityRequest":
            ours::moby::filesync::v1::GetTokenAuthorityRequest = moby::filesync::v1::GetTokenAuthorityRequest,
        "fsutil.types.Packet": ours::fsutil::types::Packet = fsutil::types::Packet,
        "grpc.health.v1.HealthCheckResponse": ours::grpc::health::v1::HealthCheckResponse = health::HealthCheckResponse,
        "google.rpc.Status": ours::google::rpc::Status = google::rpc::Status,
        "moby.buildkit.v1.frontend.PingRequest":
            ours::moby::buildkit::v1::frontend::PingRequest = moby::buildkit::v1::frontend::PingRequest,
        "moby.buildkit.v1.frontend.PongResponse":
            ours::moby::buildkit::v1::frontend::PongResponse = moby::buildkit::v1::frontend::PongResponse,
        "moby.buildkit.v1.frontend.SolveRequest":
            ours::moby::buildkit::v1::frontend::SolveRequest = moby::buildkit::v1::frontend::SolveRequest,
        "moby.buildkit.v1.frontend.SolveResponse":
            ours::moby::buildkit::v1::frontend::SolveResponse = moby::buildkit::v1::frontend::SolveResponse,
        "moby.buildkit.v1.frontend.ReadFileRequest":
            ours::moby::buildkit::v1::frontend::ReadFileRequest = moby::buildkit::v1::frontend::ReadFileRequest,
        "moby.buildkit.v1.frontend.ReadFileResponse":
            ours::moby::buildkit::v1::frontend::ReadFileResponse = moby::buildkit::v1::frontend::ReadFileResponse,
        "moby.buildkit.v1.frontend.ReadDirRequest":
            ours::moby::buildkit::v1::frontend::ReadDirRequest = moby::buildkit::v1::frontend::ReadDirRequest,
        "moby.buildkit.v1.frontend.ReadDirResponse":
            ours::moby::buildkit::v1::frontend::ReadDirResponse = moby::buildkit::v1::frontend::ReadDirResponse,
        "moby.buildkit.v1.frontend.ReturnRequest":
            ours::moby::buildkit::v1::frontend::ReturnRequest = moby::buildkit::v1::frontend::ReturnRequest,
        "moby.buildkit.v1.frontend.ReturnResponse":
            ours::moby::buildkit::v1::frontend::ReturnResponse = moby::buildkit::v1::frontend::ReturnResponse,
    }

    // Messages are checked with those that hold them. containerd's are not in the published set; live builds hold those.
    let mut covered = BTreeSet::new();
    for name in &checked {
        cover(&pool.get_message_by_name(name).context("not in our files")?, &mut covered, DEPTH);
    }
    let left: Vec<_> = pool.all_messages().map(|message| message.full_name().to_owned()).filter(|name| !covered.contains(name)).collect();
    let unchecked = |name: &String| name.starts_with("containerd.") || name.starts_with("google.protobuf.");
    assert!(left.iter().all(unchecked), "not checked: {left:?}");
    Ok(())
}

fn cover(message: &MessageDescriptor, covered: &mut BTreeSet<String>, depth: usize) {
    covered.insert(message.full_name().to_owned());
    if depth > 0 {
        message.fields().filter_map(|field| field.kind().as_message().cloned()).for_each(|inner| cover(&inner, covered, depth - 1));
    }
}

fn check<O, T>(pool: &DescriptorPool, name: &str) -> Result<()>
where
    O: Message + Default + std::fmt::Debug,
    T: Message + Default + std::fmt::Debug,
{
    let descriptor = pool.get_message_by_name(name).context("not in our files")?;
    // Each round takes another member of every oneof and another value of every enum.
    for round in 0..8 {
        let mut next = 100;
        let filled = fill(&descriptor, round, &mut next, DEPTH);
        let bytes = filled.encode_to_vec();
        let (one, two) = (O::decode(bytes.as_slice())?, T::decode(bytes.as_slice())?);
        let (our_text, their_text) = (bytes_as_text(&format!("{one:?}")), bytes_as_text(&format!("{two:?}")));
        let (our_pairs, their_pairs) = (texts(&our_text), texts(&their_text));
        let lost: Vec<_> = our_pairs.difference(&their_pairs).collect();
        assert!(lost.is_empty(), "{name}: they read {lost:?} otherwise: {two:?}");
        let again = DynamicMessage::decode(descriptor.clone(), two.encode_to_vec().as_slice())?;
        let once = DynamicMessage::decode(descriptor.clone(), bytes.as_slice())?;
        assert!(again == once, "{name}: something is lost when they write it again");
    }
    Ok(())
}

/// A value's debug text with bytes as the text that they are: some names are text there and bytes here.
fn bytes_as_text(debug: &str) -> String {
    static BYTES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\[(\d{1,3}(?:, \d{1,3})*)\]").ok());
    let text = |found: &regex::Captures<'_>| {
        let bytes: Option<Vec<u8>> = found[1].split(", ").map(|byte| byte.parse().ok()).collect();
        bytes.map_or(found[0].to_owned(), |bytes| format!("{:?}", String::from_utf8_lossy(&bytes)))
    };
    BYTES.as_ref().map_or(debug.to_owned(), |pattern| pattern.replace_all(debug, text).into_owned())
}

/// The `name: value` pairs of a value's debug text.
fn texts(debug: &str) -> BTreeSet<&str> {
    static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"\w+: [\[{(]*"?\w+(?:": "?\w+)?"#).ok());
    PAIR.iter().flat_map(|pair| pair.find_iter(debug)).map(|found| found.as_str()).collect()
}

fn fill(descriptor: &MessageDescriptor, round: usize, next: &mut i64, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        if let Some(oneof) = field.containing_oneof() {
            let members = oneof.fields().count();
            if oneof.fields().nth(round % members).is_some_and(|chosen| chosen != field) {
                continue;
            }
        }
        let value = if field.is_map() {
            let entry = field.kind();
            let Some(entry) = entry.as_message() else { continue };
            let key = MapKey::String(format!("u{}", take(next)));
            value(&entry.map_entry_value_field(), round, next, depth).map(|value| Value::Map([(key, value)].into()))
        } else if field.is_list() {
            value(&field, round, next, depth).map(|value| Value::List(vec![value]))
        } else {
            value(&field, round, next, depth)
        };
        if let Some(value) = value {
            message.set_field(&field, value);
        }
    }
    message
}

fn value(field: &FieldDescriptor, round: usize, next: &mut i64, depth: usize) -> Option<Value> {
    Some(match field.kind() {
        Kind::String => Value::String(format!("u{}", take(next))),
        Kind::Bytes => Value::Bytes(format!("u{}", take(next)).into_bytes().into()),
        Kind::Bool => Value::Bool(true),
        Kind::Int32 => Value::I32(take(next) as i32),
        Kind::Int64 => Value::I64(take(next)),
        Kind::Uint32 => Value::U32(take(next) as u32),
        Kind::Enum(kind) => Value::EnumNumber(kind.values().nth(round % kind.values().count())?.number()),
        Kind::Message(kind) if depth > 0 => Value::Message(fill(&kind, round, next, depth - 1)),
        _ => return None,
    })
}

fn take(next: &mut i64) -> i64 {
    *next += 1;
    *next
}
