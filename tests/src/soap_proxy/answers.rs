//! Answers that no server gave.

use std::io;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use hyper::{Response, StatusCode};

use super::rules::Fault;

/// The beginning of an answer is on its way for so long before the connection is cut.
const FLUSHING: Duration = Duration::from_millis(20);

/// An answer to a client.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// A whole answer.
pub(super) fn whole(answer: Response<Bytes>) -> Answer {
    let (mut head, body) = answer.into_parts();
    // They are another connection's.
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    Response::from_parts(head, Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// Half an answer, and then the end of the connection.
pub(super) fn torn(answer: Response<Bytes>) -> Answer {
    let (mut head, body) = answer.into_parts();
    for name in [CONNECTION, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    let half = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2)))]);
    let end = stream::once(async {
        tokio::time::sleep(FLUSHING).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    Response::from_parts(head, StreamBody::new(half.chain(end)).boxed_unsync())
}

/// An answer with another body.
pub(super) fn changed(answer: Response<Bytes>, by: impl FnOnce(String) -> String) -> Answer {
    let (head, body) = answer.into_parts();
    let body = by(String::from_utf8_lossy(&body).into_owned());
    whole(Response::from_parts(head, Bytes::from(body)))
}

/// The beginning of a text, in the middle of an element.
pub(super) fn truncated(text: &str) -> String {
    let middle = (text.len() / 2..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or_default();
    text.get(..middle).unwrap_or_default().to_owned()
}

fn made(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    whole(answer)
}

/// What a gateway says whose services are not there.
pub(super) fn unavailable() -> Answer {
    made(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "503 Service Unavailable".to_owned())
}

/// What a gateway says to a browser.
pub(super) fn html() -> Answer {
    let page =
        "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><p>Welcome<br>to us</body></html>\n";
    made(StatusCode::OK, "text/html", page.to_owned())
}

/// What a server says that refuses.
pub(super) fn fault(fault: &Fault) -> Answer {
    let Fault { kind, words, fields } = fault;
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n\
         <soapenv:Body>\n<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{words}</faultstring>\
         <detail><{kind}Fault xmlns=\"urn:vim25\" xsi:type=\"{kind}\">{fields}</{kind}Fault></detail></soapenv:Fault>\n\
         </soapenv:Body>\n</soapenv:Envelope>"
    );
    made(StatusCode::INTERNAL_SERVER_ERROR, "text/xml; charset=utf-8", body)
}
