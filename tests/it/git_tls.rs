//! Git over HTTPS whose authority is the user's own, as companies have it, and through a proxy: `http.*` of Git's configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use werf::project::git::remote::{LfsServer, Revision, Settings, fetch_lfs};

use super::fake_registry::{full_repository, tunnel_proxy};
use super::git::Sandbox;
use super::git_lfs::file;
use super::git_remote::{Here, told};
use super::git_servers::{Manners, Smart};
use super::sandbox;

/// A name that only a proxy knows.
const NAME: &str = "git.example.invalid";

/// An authority, a server that it has signed in front of another one, and the files of a client that it has signed.
struct Front {
    address: SocketAddr,
    files: TempDir,
}

impl Front {
    /// `is_mutual`: the server wants to know its clients.
    async fn new(behind: u16, is_mutual: bool) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let leaf = |names: &[&str]| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
            (params.signed_by(&key, &authority).unwrap().der().clone(), key.serialize_der())
        };
        let ((server, server_key), (client, client_key)) = (leaf(&["127.0.0.1", NAME]), leaf(&["client"]));
        let files = TempDir::new().unwrap();
        let pem = |name: &str, kind: &str, der: &[u8]| {
            let encoded = base64::engine::general_purpose::STANDARD.encode(der);
            fs::write(files.path().join(name), format!("-----BEGIN {kind}-----\n{encoded}\n-----END {kind}-----\n")).unwrap();
        };
        pem("ca.pem", "CERTIFICATE", authority.der());
        pem("client.pem", "CERTIFICATE", &client);
        pem("client.key", "PRIVATE KEY", &client_key);
        let address = serve(authority.der().clone(), server, server_key, behind, is_mutual).await;
        Front { address, files }
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    fn url(&self) -> String {
        format!("https://{}/lib.git", self.address)
    }
}

async fn serve(
    authority: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    behind: u16,
    is_mutual: bool,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let config = if is_mutual {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority).unwrap();
        config.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let config = config.with_single_cert(vec![certificate], PrivateKeyDer::try_from(key).unwrap()).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut secure) = acceptor.accept(stream).await else { return };
                let Ok(mut plain) = TcpStream::connect(("127.0.0.1", behind)).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
            });
        }
    });
    address
}

/// A library behind a server without TLS.
fn library() -> (Sandbox, TempDir, Smart) {
    let library = Sandbox::with(&[("a", "1")]);
    let dir = TempDir::new().unwrap();
    std::os::unix::fs::symlink(library.path().join(".git"), dir.path().join("lib.git")).unwrap();
    let smart = Smart::new(dir.path(), Manners::default());
    (library, dir, smart)
}

fn main_branch() -> Revision {
    Revision::Branch("main".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_are_those_of_gits_configuration() {
    let (_library, _dir, smart) = library();
    let front = Front::new(smart.port, false).await;
    let error = Here::new().get(&front.url(), &main_branch()).await.unwrap_err();
    assert_eq!(
        told(&error),
        format!(
            "the certificate of `{}` does not convince: invalid peer certificate: UnknownIssuer\n\
             help: add its authority to the system's, or name it with `git config --global http.sslCAInfo FILE`",
            front.url()
        )
    );
    let ca = front.file("ca.pem");
    for config in [
        format!("[http]\n\tsslCAInfo = {ca}\n"),
        format!("[http \"https://{}\"]\n\tsslCAInfo = {ca}\n", front.address),
        format!("[http \"https://{}/\"]\n\tsslVerify = false\n", front.address),
    ] {
        Here::with(&config).get(&front.url(), &main_branch()).await.unwrap();
    }
    for (config, expect) in [
        (format!("[http \"https://127.0.0.1:1\"]\n\tsslCAInfo = {ca}\n"), "the certificate of "),
        (
            "[http]\n\tsslCAInfo = /nowhere/ca.pem\n".to_owned(),
            "cannot read Git's configuration: the authorities of http.sslCAInfo, `/nowhere/ca.pem`: ",
        ),
    ] {
        let error = Here::with(&config).get(&front.url(), &main_branch()).await.unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_want_to_know_its_clients() {
    let (_library, _dir, smart) = library();
    let front = Front::new(smart.port, true).await;
    let ca = front.file("ca.pem");
    let error = Here::with(&format!("[http]\n\tsslCAInfo = {ca}\n")).get(&front.url(), &main_branch()).await.unwrap_err();
    assert!(error.to_string().contains("broke: "), "{error}");
    let (certificate, key) = (front.file("client.pem"), front.file("client.key"));
    let config = format!("[http]\n\tsslCAInfo = {ca}\n\tsslCert = {certificate}\n\tsslKey = {key}\n");
    Here::with(&config).get(&front.url(), &main_branch()).await.unwrap();
    let both = fs::read_to_string(&certificate).unwrap() + &fs::read_to_string(&key).unwrap();
    fs::write(&certificate, both).unwrap();
    Here::with(&config.replace("sslKey", "other")).get(&front.url(), &main_branch()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_gits_configuration_is_asked() {
    let (_library, _dir, smart) = library();
    let front = Front::new(smart.port, false).await;
    let (proxy, heads) = tunnel_proxy(front.address).await;
    let url = format!("https://{NAME}/lib.git");
    let config = format!("[http]\n\tsslCAInfo = {}\n[http \"https://{NAME}\"]\n\tproxy = http://me:p%40ss@{proxy}\n", front.file("ca.pem"));
    Here::with(&config).get(&url, &main_branch()).await.unwrap();
    let heads = heads.lock().unwrap().clone();
    assert!(heads[0].starts_with(&format!("CONNECT {NAME}:443 HTTP/1.1\r\n")), "{heads:?}");
    assert!(heads[0].contains("Proxy-Authorization: Basic bWU6cEBzcw==\r\n"), "{heads:?}");
    // An empty one means none, and NO_PROXY counts as for all.
    let mut here = Here::with(&format!("{config}\tproxy =\n"));
    let error = here.get(&url, &main_branch()).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot reach the Git repository"), "{error}");
    here.access.settings = Arc::new(Settings::parse(&config).unwrap());
    here.access.proxies.direct = NAME.into();
    assert!(here.get(&url, &main_branch()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_files_that_a_commit_names_hears_nothing_of_the_user() {
    let (object, file) = file(b"content");
    let open = Smart::new(Path::new("/"), Manners { files: vec![file], ..Manners::default() });
    let private = Smart::new(Path::new("/"), Manners { login: Some("ci:s3cret".into()), ..Manners::default() });
    for smart in [&open, &private] {
        let front = Front::new(smart.port, false).await;
        let here = Here::with(&format!(
            "[http]\n\tsslCAInfo = {}\n\textraHeader = Authorization: x\n[http \"{}\"]\n\textraHeader = X-Token: y\n[credential]\n\thelper = \"!echo username=ci; echo password=s3cret\"\n",
            front.file("ca.pem"),
            front.url()
        ));
        let url = format!("https://{}/store", front.address);
        let server = LfsServer::Commit { url: url.clone(), repository: "https://ci:s3cret@example.invalid/app".into() };
        let error = fetch_lfs(&here.access, &server, None, std::slice::from_ref(&object), here.dir.path()).await.unwrap_err();
        if smart.port == private.port {
            assert_eq!(
                told(&error),
                format!(
                    "`{url}`, which `.lfsconfig` of the commit names, wants a login, and gets none: it is not the repository's own host\n\
                     help: if you trust the server, name it yourself: `git config lfs.url {url}`"
                )
            );
        } else {
            assert!(error.to_string().contains("/files/"), "the batch was answered, its address is plain HTTP here: {error}");
        }
        assert!(smart.count("/store/objects/batch") > 0);
        assert_eq!(smart.credentials.lock().unwrap().iter().filter(|value| *value != "t").count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_takes_authorities_from_the_variable_the_clone_and_the_home() {
    let (library, _dir, smart) = library();
    let front = Front::new(smart.port, false).await;
    let id = library.git(&["rev-parse", "HEAD"]);
    let project = || {
        let text = "project: app\nconfigVersion: 1\n---\nimage: app\nfrom: scratch\ngit: [{add: /lib, to: /app}]\n";
        let modules = "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib.git\n";
        let chart = "a: {{ werf_image \"app\" }}\n";
        let sandbox = sandbox::Sandbox::commit(&[("werf.yaml", text), (".gitmodules", modules), (".helm/templates/a.yaml", chart)]);
        sandbox.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},lib")]);
        sandbox.git(&["commit", "-qm", "lib"]);
        fs::create_dir(sandbox.app().join("lib")).unwrap();
        fs::create_dir_all(sandbox.root().join("home")).unwrap();
        sandbox.git(&["remote", "add", "origin", &front.url().replace("lib.git", "app.git")]);
        sandbox
    };
    let render = |sandbox: &sandbox::Sandbox, env: &[(&str, &str)]| {
        let printed = tokio::task::block_in_place(|| sandbox.werf_with(&["render", "--repo", &full_repository()], env));
        (printed.code, printed.stderr)
    };
    let ca = front.file("ca.pem");
    let (code, text) = render(&project(), &[]);
    assert!(code == 1 && text.contains("invalid peer certificate: UnknownIssuer"), "{text}");
    assert_eq!(render(&project(), &[("GIT_SSL_CAINFO", &ca)]).0, 0);
    assert_eq!(render(&project(), &[("GIT_SSL_NO_VERIFY", "1")]).0, 0);
    let sandbox = project();
    fs::copy(&ca, sandbox.root().join("home/ca.pem")).unwrap();
    fs::write(sandbox.root().join("home/.gitconfig"), "[http]\n\tsslCAInfo = ~/ca.pem\n").unwrap();
    let (code, text) = render(&sandbox, &[]);
    assert_eq!(code, 0, "{text}");
    assert!(Path::new(&ca).exists());
}
