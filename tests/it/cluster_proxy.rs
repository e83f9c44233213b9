//! The API server behind a proxy, of the kubeconfig or of the environment.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use werf::deploy::cluster::{ConnectOptions, connect, load_history};
use werf::event::Events;
use werf::ops::Proxies;
use werf::ui::{report, style::Style};

use crate::deploy::fake::Fake;

/// A SOCKS 5 proxy (RFC 1928, RFC 1929) whose connections all go to one address; remembers what it was asked for.
struct Socks {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    async fn start(leads_to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let log = log.clone();
                tokio::spawn(async move { serve(stream, leads_to, &log).await });
            }
        });
        Socks { address, asked }
    }
}

async fn serve(mut stream: TcpStream, leads_to: SocketAddr, log: &Mutex<Vec<String>>) -> Option<()> {
    let bytes = async |stream: &mut TcpStream, count: usize| {
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).await.ok().map(|_| bytes)
    };
    let head = bytes(&mut stream, 2).await?;
    let methods = bytes(&mut stream, head[1].into()).await?;
    let mut login = String::new();
    if methods.contains(&2) {
        stream.write_all(&[5, 2]).await.ok()?;
        for part in 0..2 {
            let length = bytes(&mut stream, 2 - part).await?.pop()?;
            login += &String::from_utf8(bytes(&mut stream, length.into()).await?).ok()?;
            login += if part == 0 { ":" } else { "@" };
        }
        stream.write_all(&[1, u8::from(login != "me:p@ss@")]).await.ok()?;
    } else {
        stream.write_all(&[5, 0]).await.ok()?;
    }
    let request = bytes(&mut stream, 4).await?;
    let host = match request[3] {
        1 => bytes(&mut stream, 4).await?.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        _ => {
            let length = bytes(&mut stream, 1).await?[0];
            String::from_utf8(bytes(&mut stream, length.into()).await?).ok()?
        }
    };
    let port = bytes(&mut stream, 2).await?;
    log.lock().unwrap().push(format!("{login}{host}:{}", u16::from_be_bytes([port[0], port[1]])));
    let refused = host == "refused.invalid";
    stream.write_all(&[5, u8::from(refused) * 5, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    let mut server = TcpStream::connect(leads_to).await.ok().filter(|_| !refused)?;
    tokio::io::copy_bidirectional(&mut stream, &mut server).await.ok().map(drop)
}

fn kubeconfig(folder: &Path, server: &str, proxy: Option<&str>) -> ConnectOptions {
    let path = folder.join("config");
    let mut cluster = json!({"server": server});
    if let Some(proxy) = proxy {
        cluster["proxy-url"] = proxy.into();
    }
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": cluster}], "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    });
    fs::write(&path, config.to_string()).unwrap();
    ConnectOptions { kubeconfigs: vec![path], ..Default::default() }
}

async fn ask(options: &ConnectOptions) -> Result<(), String> {
    let client = connect(options, &Events::none()).await.unwrap();
    let history = load_history(&client, "ns", "app").await;
    history.map(drop).map_err(|error| report::render(&error, Style::new(false)))
}

#[tokio::test]
async fn names_are_looked_up_by_a_socks_proxy() {
    let (fake, folder) = (Fake::start().await, tempfile::tempdir().unwrap());
    let socks = Socks::start(fake.address).await;
    for (scheme, login) in [("socks5", ""), ("socks5h", ""), ("socks5", "me:p%40ss@")] {
        let proxy = format!("{scheme}://{login}{}", socks.address);
        ask(&kubeconfig(folder.path(), "http://api.invalid:6443", Some(&proxy))).await.unwrap();
    }
    // through a proxy that is named for the cluster, `localhost` is the proxy's
    ask(&kubeconfig(folder.path(), "http://127.0.0.1:1", Some(&format!("socks5://{}", socks.address)))).await.unwrap();
    let asked = socks.asked.lock().unwrap().clone();
    assert_eq!(asked, ["api.invalid:6443", "api.invalid:6443", "me:p@ss@api.invalid:6443", "127.0.0.1:1"]);
}

#[tokio::test]
async fn proxies_of_the_environment_count_for_the_cluster_but_not_for_this_machine() {
    let (fake, folder) = (Fake::start().await, tempfile::tempdir().unwrap());
    let socks = Socks::start(fake.address).await;
    let proxy = Some(format!("socks5://{}", socks.address));
    let proxies = Proxies { http: proxy.clone(), https: proxy, direct: String::new() };
    let with = |server: &str| ConnectOptions { proxies: proxies.clone(), ..kubeconfig(folder.path(), server, None) };
    ask(&with("http://api.invalid:6443")).await.unwrap();
    ask(&with(&format!("http://{}", fake.address))).await.unwrap();
    assert_eq!(*socks.asked.lock().unwrap(), ["api.invalid:6443"]);
}

#[tokio::test]
async fn a_proxy_that_passes_plain_requests_on_gets_its_login() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, folder) = (listener.local_addr().unwrap(), tempfile::tempdir().unwrap());
    let seen = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let list = r#"{"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []}"#;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{list}", list.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(head).unwrap()
    });
    ask(&kubeconfig(folder.path(), "http://api.invalid:6443", Some(&format!("http://me:p%40ss@{address}")))).await.unwrap();
    let head = seen.await.unwrap().to_lowercase();
    assert!(head.starts_with("get http://api.invalid:6443/api/v1/namespaces/ns/secrets?"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: basic bwu6cebzcw==\r\n"), "{head}");
}

#[tokio::test]
async fn proxies_that_do_not_do_it_are_named() {
    let (fake, folder) = (Fake::start().await, tempfile::tempdir().unwrap());
    let socks = Socks::start(fake.address).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut texts = String::new();
    for (server, proxy) in [
        ("http://refused.invalid", format!("socks5://{}", socks.address)),
        ("http://api.invalid", format!("socks5://me:wrong@{}", socks.address)),
        ("http://api.invalid", format!("socks5://me:secret@{gone}")),
        ("http://api.invalid", "ftp://me:secret@proxy.invalid".to_owned()),
    ] {
        let error = ask(&kubeconfig(folder.path(), server, Some(&proxy))).await.unwrap_err();
        texts += &error
            .replace(&socks.address.to_string(), "SOCKS")
            .replace(&gone.to_string(), "GONE")
            .replace(&folder.path().display().to_string(), "DIR");
    }
    assert!(!texts.contains("secret") && !texts.contains("wrong"), "{texts}");
    insta::assert_snapshot!(texts, @r"
    error: cannot reach the Kubernetes API server http://refused.invalid: the proxy socks5://SOCKS gave no connection to refused.invalid:80: connection refused
    help: the address comes from the kubeconfig DIR/config; `kubectl version` asks the same server
    error: cannot reach the Kubernetes API server http://api.invalid: the proxy socks5://SOCKS gave no connection to api.invalid:80: credentials not accepted
    help: the address comes from the kubeconfig DIR/config; `kubectl version` asks the same server
    error: cannot reach the Kubernetes API server http://api.invalid: the proxy socks5://GONE cannot be reached: Connection refused (os error 111)
    help: the address comes from the kubeconfig DIR/config; `kubectl version` asks the same server
    error: cannot reach the Kubernetes API server http://api.invalid: the proxy ftp://proxy.invalid is none of http://, https:// and socks5://, and others cannot be used
    help: the address comes from the kubeconfig DIR/config; `kubectl version` asks the same server
    ");
}
