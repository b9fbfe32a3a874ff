//! What people and other programs do to virtual machines, by SOAP by hand.

use evenkeel_tests::soap::{Object, reference};

use super::catalog::{Catalog, Machine, Observer};
use super::rig::STORE;

impl Catalog {
    /// The only machine of this name.
    pub(super) fn named(&self, name: &str) -> &Machine {
        let mut named = self.0.iter().filter(|machine| machine.name == name);
        match (named.next(), named.next()) {
            (Some(machine), None) => machine,
            other => panic!("{name}: {other:?} of {:#?}", self.0),
        }
    }
}

impl Observer {
    async fn object(&mut self, name: &str) -> Object {
        ("VirtualMachine".to_owned(), self.look().await.named(name).id.clone())
    }

    /// Does something to a machine that becomes a task, and waits for it.
    pub(super) async fn act(&mut self, method: &str, name: &str, arguments: &str) {
        let object = self.object(name).await;
        self.task(method, &object, arguments).await;
    }

    async fn task(&mut self, method: &str, object: &Object, arguments: &str) {
        let done = self.soap.task(method, object, arguments).await.unwrap();
        assert_eq!(done.text("state").as_deref(), Some("success"), "{method}: {done:?}");
    }

    pub(super) async fn power_on(&mut self, name: &str) {
        self.act("PowerOnVM_Task", name, "").await;
    }

    pub(super) async fn power_off(&mut self, name: &str) {
        self.act("PowerOffVM_Task", name, "").await;
    }

    pub(super) async fn rename(&mut self, name: &str, to: &str) {
        self.act("Rename_Task", name, &format!("<newName>{to}</newName>")).await;
    }

    /// Into the folder of this name.
    pub(super) async fn move_to(&mut self, name: &str, folder: &str) {
        let object = self.object(name).await;
        let folder = self.soap.find("Folder", folder).await.unwrap();
        self.task("MoveIntoFolder_Task", &folder, &reference("list", &object)).await;
    }

    pub(super) async fn destroy(&mut self, name: &str) {
        self.act("Destroy_Task", name, "").await;
    }

    /// One of several of a name.
    pub(super) async fn destroy_by_id(&mut self, id: &str) {
        self.task("Destroy_Task", &("VirtualMachine".to_owned(), id.to_owned()), "").await;
    }

    pub(super) async fn snapshot(&mut self, name: &str, called: &str) {
        let what = format!(
            "<name>{called}</name><description>by hand</description><memory>false</memory><quiesce>false</quiesce>"
        );
        self.act("CreateSnapshot_Task", name, &what).await;
    }

    pub(super) async fn remove_snapshots(&mut self, name: &str) {
        self.act("RemoveAllSnapshots_Task", name, "").await;
    }

    /// Copies a machine, as people do, into a folder.
    pub(super) async fn copy(&mut self, name: &str, to: &str, folder: &str) {
        let object = self.object(name).await;
        let folder = reference("folder", &self.soap.find("Folder", folder).await.unwrap());
        let store = reference("datastore", &self.soap.find("Datastore", STORE).await.unwrap());
        let arguments = format!(
            "{folder}<name>{to}</name><spec><location>{store}</location><template>false</template>\
             <powerOn>false</powerOn></spec>"
        );
        self.task("CloneVM_Task", &object, &arguments).await;
    }
}
