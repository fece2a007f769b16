use super::*;
use crate::queue::{Bounds, Came, Receiver, WhenFull, queue};
use crate::source::decode::Manner;
use crate::source::format::Format;
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{client_async, connect_async};

const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    at: SocketAddr,
    visits: Visits,
    items: Receiver<Item>,
    _task: tokio::task::JoinHandle<()>,
}

impl Bench {
    /// A server with room for everything that these tests send.
    async fn new(speech: Speech, token: Option<&str>, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let at = listener.local_addr().expect("an address");
        let bounds = Bounds {
            room: 100_000,
            when_full: WhenFull::Wait,
        };
        let (mut senders, items) = queue(&[bounds]);
        let visits = Visits::default();
        let manner = Manner {
            format: Format::Auto,
            fps: None,
            live_since: Some(Instant::now()),
            source: "here".into(),
        };
        let server = Server {
            speech,
            access: Access::new(token.map(String::from)),
            limits,
            feed: Feed::new(manner, senders.remove(0)),
            visits: visits.clone(),
        };
        Self {
            at,
            visits,
            items,
            _task: tokio::spawn(server.serve(Listener::Tcp(listener))),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.expect("connected")
    }

    /// The next item; the others go on meanwhile.
    fn next(&self) -> Item {
        let came = tokio::task::block_in_place(|| self.items.next(PATIENCE));
        match came {
            Came::Item(_, item) => item,
            other => panic!("{other:?}"),
        }
    }

    fn counted(&self) -> [u64; 4] {
        let Clients {
            admitted,
            refused,
            strangers,
            silent,
            ..
        } = *self.visits.lock().expect("nobody fails");
        [admitted, refused, strangers, silent]
    }
}

fn short() -> Limits {
    Limits {
        silence: Duration::from_millis(500),
        ..Limits::default()
    }
}

async fn told(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    timeout(PATIENCE, read)
        .await
        .expect("an end")
        .expect("text");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_have_their_own_sources_and_one_that_returns_has_its_old_one() {
    let bench = Bench::new(Speech::Lines, None, Limits::default()).await;
    let mut first = bench.connect().await;
    first
        .write_all(b"{\"t\":1,\"people\":[]}\n")
        .await
        .expect("sent");
    assert_eq!(bench.next().frame.expect("a frame").source, "here");
    let mut second = bench.connect().await;
    let lines = b"{\"t\":2,\"people\":[]}\n{\"t\":3,\"source\":\"cam\",\"people\":[]}";
    second.write_all(lines).await.expect("sent");
    assert_eq!(bench.next().frame.expect("a frame").source, "here#1");
    second.shutdown().await.expect("its last line has no end");
    assert_eq!(bench.next().frame.expect("a frame").source, "cam");
    drop(first);
    sleep(Duration::from_millis(100)).await;
    let mut again = bench.connect().await;
    again
        .write_all(b"hello\n{\"t\":9,\"people\":[]}\n")
        .await
        .expect("sent");
    assert_eq!(
        bench.next().frame.expect_err("junk").reason(),
        "not_a_frame"
    );
    let item = bench.next();
    assert_eq!(
        (item.line, item.frame.expect("a frame").source),
        (2, "here".into())
    );
    assert_eq!(bench.counted(), [3, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_clients_64_are_let_in_and_the_rest_are_told() {
    let bench = Bench::new(Speech::Lines, None, Limits::default()).await;
    let mut inside = Vec::new();
    for i in 0..64 {
        let mut client = bench.connect().await;
        let line = format!("{{\"t\":{i},\"people\":[]}}\n");
        client.write_all(line.as_bytes()).await.expect("sent");
        inside.push(client);
        bench.next().frame.expect("a frame");
    }
    let outside: Vec<_> = (64..1000)
        .map(|_| {
            let at = bench.at;
            tokio::spawn(async move {
                let mut client = TcpStream::connect(at).await.expect("connected");
                // It may be closed already.
                let _ = client.write_all(b"{\"t\":1,\"people\":[]}\n").await;
                told(client).await
            })
        })
        .collect();
    for client in outside {
        let text = client.await.expect("done");
        assert_eq!(
            text,
            "error: 64 clients are here already; come back later\n"
        );
    }
    assert_eq!(bench.counted(), [64, 936, 0, 0]);
    // Those inside noticed nothing, and who goes makes room.
    inside[63]
        .write_all(b"{\"t\":99,\"people\":[]}\n")
        .await
        .expect("sent");
    assert_eq!(bench.next().frame.expect("a frame").source, "here#63");
    drop(inside.remove(5));
    sleep(Duration::from_millis(100)).await;
    let mut client = bench.connect().await;
    client
        .write_all(b"{\"t\":1,\"people\":[]}\n")
        .await
        .expect("sent");
    assert_eq!(bench.next().frame.expect("a frame").source, "here#5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_is_told_and_closed() {
    let bench = Bench::new(Speech::Lines, Some("secret"), short()).await;
    let silent = bench.connect().await;
    assert!(told(silent).await.starts_with("error: nothing came for"));
    // One that begins to say something and stops is no better.
    let mut slow = bench.connect().await;
    slow.write_all(b"token sec").await.expect("sent");
    assert!(told(slow).await.contains("nothing came"));
    // Whoever was let in may be quiet.
    let mut quiet = bench.connect().await;
    quiet.write_all(b"token secret\n").await.expect("sent");
    sleep(Duration::from_millis(1000)).await;
    quiet
        .write_all(b"{\"t\":1,\"people\":[]}\n")
        .await
        .expect("sent");
    assert!(bench.next().frame.is_ok());
    assert_eq!(bench.counted(), [1, 0, 0, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_is_counted_and_not_taken_for_a_silent_one() {
    for speech in [Speech::Lines, Speech::WebSocket] {
        let bench = Bench::new(speech, None, Limits::default()).await;
        let mut client = bench.connect().await;
        // Nothing of both languages, and then a reset.
        client
            .write_all(b"GET nothing\r\n\r\n")
            .await
            .expect("sent");
        let reset = Some(Duration::ZERO);
        sleep(Duration::from_millis(100)).await;
        socket2::SockRef::from(&client)
            .set_linger(reset)
            .expect("an option");
        drop(client);
        let broken = || bench.visits.lock().expect("nobody fails").broken;
        let began = Instant::now();
        while broken() == 0 {
            assert!(began.elapsed() < PATIENCE, "{speech:?}");
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((broken(), bench.counted()[3]), (1, 0), "{speech:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_line_has_the_token() {
    let bench = Bench::new(Speech::Lines, Some("secret"), Limits::default()).await;
    for wrong in [
        "token secre\n",
        "token\n",
        "{\"t\":1,\"people\":[]}\n",
        "token secret2\n",
    ] {
        let mut client = bench.connect().await;
        client.write_all(wrong.as_bytes()).await.expect("sent");
        let text = told(client).await;
        assert!(text.starts_with("error: wrong token"), "{wrong}: {text}");
    }
    let mut client = bench.connect().await;
    let long = format!("token {}", "x".repeat(100_000));
    let _ = client.write_all(long.as_bytes()).await;
    assert!(told(client).await.starts_with("error: wrong token"));
    let mut client = bench.connect().await;
    client
        .write_all(b"token secret\r\n{\"t\":1,\"people\":[]}\n")
        .await
        .expect("sent");
    assert_eq!(bench.next().line, 1);
    assert_eq!(bench.counted(), [1, 0, 5, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_100_megabytes_is_counted_and_not_held() {
    let bench = Bench::new(Speech::Lines, None, Limits::default()).await;
    let mut client = bench.connect().await;
    tokio::spawn(async move {
        let part = vec![b'x'; 1_000_000];
        for _ in 0..100 {
            client.write_all(&part).await.expect("sent");
        }
        client
            .write_all(b"\n{\"t\":2,\"people\":[]}\n")
            .await
            .expect("sent");
    });
    let fault = bench.next().frame.expect_err("too long");
    assert!(matches!(
        fault,
        crate::Fault::TooLong { bytes: 100_000_000 }
    ));
    assert_eq!(bench.next().frame.expect("a frame").t, 2.0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_is_taken_over_only_from_those_who_are_gone() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("poses");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("left behind"));
    let listener = Listener::unix(path.clone()).await.expect("taken over");
    let busy = Listener::unix(path.clone()).await.err().expect("in use");
    assert_eq!(busy.kind(), io::ErrorKind::AddrInUse);
    let client = tokio::net::UnixStream::connect(&path)
        .await
        .expect("connected");
    let mut wire = listener.accept().await.expect("a client");
    drop(client);
    let (token, said) = hello(&mut wire).await.expect("an end");
    assert_eq!((token, said.len()), (None, 0));
    drop(listener);
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_needs_the_token_and_speaks_in_messages() {
    let bench = Bench::new(Speech::WebSocket, Some("sec/ret"), Limits::default()).await;
    let url = |query: &str| format!("ws://{}/poses{query}", bench.at);
    for wrong in ["", "?token=wrong"] {
        let error = connect_async(url(wrong)).await.expect_err("refused");
        let Error::Http(response) = error else {
            panic!("{error}");
        };
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    let (mut asked, _) = connect_async(url("?a=b&token=sec%2Fret"))
        .await
        .expect("let in");
    let two = "{\"t\":1,\"people\":[]}\n{\"t\":2,\"people\":[]}";
    asked.send(Message::text(two)).await.expect("sent");
    let times = [bench.next(), bench.next()].map(|item| item.frame.expect("a frame").t);
    assert_eq!(times, [1.0, 2.0]);
    let mut request = url("").into_client_request().expect("a request");
    let bearer = "Bearer sec/ret".parse().expect("a header");
    request.headers_mut().insert("authorization", bearer);
    let (mut bearing, _) = connect_async(request).await.expect("let in");
    let binary = Message::binary(&b"{\"t\":3,\"people\":[]}"[..]);
    bearing.send(binary).await.expect("sent");
    assert_eq!(bench.next().frame.expect("a frame").source, "here#1");
    // Nothing but its head is read.
    let long = Message::text("x".repeat(100_000_000));
    let _ = bearing.send(long).await;
    let fault = bench.next().frame.expect_err("too long");
    assert_eq!(fault.reason(), "too_long");
    asked
        .send(Message::text("{\"t\":4,\"people\":[]}"))
        .await
        .expect("sent");
    assert_eq!(bench.next().frame.expect("a frame").t, 4.0);
    assert_eq!(bench.counted(), [2, 0, 2, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_that_says_nothing_or_finds_no_room_is_closed() {
    let limits = Limits {
        clients: 1,
        ..Limits::default()
    };
    let bench = Bench::new(Speech::WebSocket, None, limits).await;
    let url = format!("ws://{}/", bench.at);
    let (first, _) = connect_async(&url).await.expect("let in");
    let stream = bench.connect().await;
    let Err(Error::Http(response)) = client_async(&url, stream).await else {
        panic!("there is no room");
    };
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bench.counted(), [1, 1, 0, 0]);
    drop(first);
    let bench = Bench::new(Speech::WebSocket, None, short()).await;
    let url = format!("ws://{}/", bench.at);
    let (mut quiet, _) = connect_async(&url).await.expect("let in");
    let end = timeout(PATIENCE, quiet.next()).await.expect("an end");
    assert!(matches!(end, Some(Ok(Message::Close(_)))), "{end:?}");
    // Nor does one stay that never becomes a WebSocket.
    let never = bench.connect().await;
    assert_eq!(told(never).await, "");
    assert_eq!(bench.counted(), [1, 0, 0, 2]);
}
