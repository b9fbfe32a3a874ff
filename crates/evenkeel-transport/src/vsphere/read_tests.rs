//! Answers as servers write them, and as they do not.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn enveloped(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<soapenv:Body>\n\
         <AnswerResponse xmlns=\"urn:vim25\">{inside}</AnswerResponse>\n</soapenv:Body>\n</soapenv:Envelope>"
    )
}

fn shown(inside: &str) -> Value {
    let body = read(enveloped(inside).as_bytes()).unwrap();
    assert_eq!(body.name, "AnswerResponse");
    body.value
}

#[test]
fn texts_references_arrays_and_data_objects_are_told_apart() {
    let xml = r#"
        <a>1 &amp; &lt;2&gt; &#34;3&#x22;<![CDATA[ <4> ]]></a>
        <b xsi:type="ManagedObjectReference" type="Folder">group:/d@1</b>
        <c type="vim25:Datastore">datastore-7</c>
        <d xsi:type="ArrayOfString"><string>x</string><string></string></d>
        <e xsi:type="ArrayOfManagedObjectReference"/>
        <f xsi:type="VirtualDisk"><key>2000</key><backing xsi:type="vim25:NeverHeardOf"><fileName>[a] b</fileName></backing></f>
        <g><h/><i> </i></g>
        <j>1</j><j>2</j>"#;
    let expected = json!({
        "a": "1 & <2> \"3\" <4> ",
        "b": { "type": "Folder", "id": "group:/d@1" },
        "c": { "type": "Datastore", "id": "datastore-7" },
        "d": ["x", ""],
        "e": [],
        "f": { "_type": "VirtualDisk", "key": "2000", "backing": { "_type": "NeverHeardOf", "fileName": "[a] b" } },
        "g": { "h": "", "i": " " },
        "j": ["1", "2"],
    });
    assert_eq!(shown(xml), expected);
}

#[test]
fn the_attribute_is_found_by_its_namespace_and_not_by_its_prefix() {
    let vcsim = r#"<val xmlns:XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance"
        XMLSchema-instance:type="ManagedObjectReference" type="Folder">folder-3</val>"#;
    assert_eq!(shown(vcsim), json!({ "val": { "type": "Folder", "id": "folder-3" } }));
    let inherited = r#"<val xmlns:q="http://www.w3.org/2001/XMLSchema-instance" q:type="ArrayOfDevice">
        <Device q:type="VirtualDisk"><key>1</key></Device></val>"#;
    assert_eq!(shown(inherited), json!({ "val": [{ "_type": "VirtualDisk", "key": "1" }] }));
    let other = r#"<val xmlns:q="urn:other" q:type="ArrayOfDevice" nobody:type="x" xsi:nil="no">text</val>"#;
    assert_eq!(shown(other), json!({ "val": "text" }));
}

#[test]
fn nothing_is_a_text_in_a_property_and_a_data_object_elsewhere() {
    let xml = r#"<val xsi:type="VirtualMachineFaultToleranceState"></val><state></state>
        <value xsi:type="xsd:string"></value><fault xsi:type="RequestCanceled"></fault>"#;
    let expected = json!({ "val": "", "state": "", "value": "", "fault": { "_type": "RequestCanceled" } });
    assert_eq!(shown(xml), expected);
}

#[test]
fn lists_of_one_are_lists() {
    let tree = "<rootSnapshotList><name>a</name><childSnapshotList><name>b</name></childSnapshotList></rootSnapshotList>";
    let expected = json!({ "rootSnapshotList": [{ "name": "a", "childSnapshotList": [{ "name": "b" }] }] });
    assert_eq!(shown(tree), expected);
    let path = "<lun><lun>key-1</lun><path><name>p</name><lun>key-2</lun></path></lun><operationalState>ok</operationalState>";
    let expected = json!({
        "lun": [{ "lun": "key-1", "path": [{ "name": "p", "lun": "key-2" }] }],
        "operationalState": ["ok"],
    });
    assert_eq!(shown(path), expected);
}

#[test]
fn a_real_answer_and_a_fault_are_read() {
    let xml = include_bytes!("tests/answers/AllInOne.xml");
    let body = read(xml).unwrap();
    let objects = body.value["returnval"]["objects"].as_array().unwrap();
    let vm = objects.iter().find(|object| object["obj"]["type"] == "VirtualMachine").unwrap();
    let property = |name: &str| {
        vm["propSet"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap()["val"].clone()
    };
    assert_eq!(property("name"), "avocado2");
    assert_eq!(property("runtime.powerState"), "poweredOn");
    let devices = property("config.hardware.device");
    let disk = devices.as_array().unwrap().iter().find(|device| device["_type"] == "VirtualDisk").unwrap();
    assert_eq!(disk["backing"]["_type"], "VirtualDiskFlatVer2BackingInfo");
    let fault = read(include_bytes!("tests/answers/NotAuthenticated.xml")).unwrap();
    assert_eq!(fault.name, "Fault");
    assert_eq!(fault.value["detail"]["NotAuthenticatedFault"]["_type"], "NotAuthenticated");
}

#[test]
fn what_is_cut_off_or_something_else_is_no_answer() {
    let whole = enveloped("<returnval type=\"Task\">task-1</returnval>");
    for end in (0..whole.len() - 1).step_by(7) {
        assert!(read(&whole.as_bytes()[..end]).is_err(), "{end}");
    }
    for bad in [
        "",
        "{}",
        "<html><body>503</body></html>",
        "<Envelope/>",
        "<Envelope><Body/></Envelope>",
        "<Envelope><Body><a/><b/></Body></Envelope>",
        "<Envelope><Body><a/></Body></Envelope><more/>",
        "<!DOCTYPE a><Envelope><Body><a/></Body></Envelope>",
        "<Envelope><Body><a>&unknown;</a></Body></Envelope>",
        "<Envelope><Body><a></b></Body></Envelope>",
    ] {
        assert!(read(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(read(b"\xff\xfe").unwrap_err().contains("UTF-8"));
}

#[test]
fn depth_has_an_end() {
    let deep = |depth: usize| enveloped(&("<a>".repeat(depth) + &"</a>".repeat(depth)));
    assert!(read(deep(DEPTH - 3).as_bytes()).is_ok());
    assert!(read(deep(DEPTH - 2).as_bytes()).unwrap_err().contains("deep"));
    assert!(read(deep(200_000).as_bytes()).is_err());
}

/// XML, or nearly.
fn nearly_xml() -> impl Strategy<Value = String> {
    let pieces = [
        "<a>",
        "</a>",
        "<a/>",
        "<val xsi:type='ArrayOfX'>",
        "</val>",
        "<b type='c'>",
        "</b>",
        "&amp;",
        "&#0;",
        "&#x110000;",
        "&",
        "&x;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?x",
        "?>",
        "text",
        " xmlns:x='u'",
        "<x:a x:type='y'/>",
        "'",
        "\"",
        "<",
        ">",
        "é",
        "\u{0}",
        "\n",
        "<_type>",
        "</_type>",
        "<a a='1' a='2'>",
        "<a xmlns:xml='u'/>",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    #[test]
    fn nothing_near_to_xml_makes_the_reader_panic(inside in nearly_xml()) {
        let _ = read(inside.as_bytes());
        let _ = read(enveloped(&inside).as_bytes());
    }

    #[test]
    fn no_change_of_an_answer_makes_the_reader_panic(at in 0usize..54_000, byte in any::<u8>(), length in 0usize..20) {
        let mut xml = include_bytes!("tests/answers/AllInOne.xml").to_vec();
        let at = at.min(xml.len() - 21);
        xml.splice(at..at + length, [byte]);
        let _ = read(&xml);
    }

    #[test]
    fn every_text_that_is_written_is_read(text in "[^\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{fffe}\u{ffff}]*") {
        let mut xml = String::new();
        super::super::write::text(&mut xml, "a", &text).unwrap();
        prop_assert_eq!(&shown(&format!("{xml}<b/>"))["a"], &Value::String(text));
    }
}
