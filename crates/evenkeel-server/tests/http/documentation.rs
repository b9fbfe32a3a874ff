//! The examples of the documentation, run as they stand, with real curl and openssl.

use std::process::Command;

use crate::running::{ADMIN, Running, SECRET};

fn examples() -> Vec<String> {
    let page = include_str!("../../../../docs/reference/api.md");
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_examples_work_as_they_stand() {
    for (program, package) in [("curl", "curl"), ("openssl", "openssl")] {
        let found = Command::new(program).arg("version").output();
        assert!(found.is_ok(), "{program} is missing: apt-get install -y {package}");
    }
    let server = Running::start().await;
    let examples = examples();
    assert_eq!(examples.len(), 2);
    let mut said = Vec::new();
    for example in examples {
        let output = tokio::process::Command::new("sh")
            .args(["-euc", &example])
            .env("SOCKET", &server.socket)
            .env("URL", format!("http://{}", server.address))
            .env("TOKEN", ADMIN)
            .env("SECRET", SECRET)
            .env_remove("http_proxy")
            .env("no_proxy", "*")
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{example}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
        said.push(text);
    }
    assert!(said[0].contains("\"sources\":[") && said[0].contains("\"resources\":3"), "{}", said[0]);
    assert!(said[1].contains("\"woken\":[\"infra\"]"), "{}", said[1]);
    assert_eq!(server.fake.heard.lock().unwrap().len(), 1);
    server.stop().await;
}
