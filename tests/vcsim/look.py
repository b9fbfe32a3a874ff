#!/usr/bin/python3
"""look.py URL USER: what pyvmomi sees in a vCenter or an ESXi, as JSON. The password is read from standard input.

An observer that shares no code with Evenkeel: what we say happened is what it sees. Any certificate is taken, since it
looks at simulators on loopback only. For pyvmomi 6.7 (Debian's python3-pyvmomi, which Debian's own Python finds) and
later.
"""
import json
import ssl
import sys
from urllib.parse import urlsplit

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

MARKS = "evenkeel."
OF_VM = [
    "name", "parent", "datastore", "runtime.powerState", "config.annotation", "config.extraConfig", "config.template",
    "config.instanceUuid", "config.files.vmPathName", "config.hardware.device", "snapshot",
]


def everything(content, kind, paths):
    """All objects of a type with these properties, page by page: {reference: {path: value}}."""
    collect = vmodl.query.PropertyCollector
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    members = collect.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)
    spec = collect.FilterSpec(
        objectSet=[collect.ObjectSpec(obj=view, skip=True, selectSet=[members])],
        propSet=[collect.PropertySpec(type=kind, pathSet=paths, all=False)],
    )
    found = {}
    page = content.propertyCollector.RetrievePropertiesEx([spec], collect.RetrieveOptions())
    while page:
        for item in page.objects:
            found[item.obj] = {p.name: p.val for p in item.propSet}
        page = page.token and content.propertyCollector.ContinueRetrievePropertiesEx(page.token)
    view.DestroyView()
    return found


def path_of(ref, places):
    """`DC0/vm/backup`: the root folder is in no view."""
    names = []
    while ref in places:
        names.append(places[ref]["name"])
        ref = places[ref].get("parent")
    return "/".join(reversed(names))


def snapshots(trees):
    return [
        {
            "name": s.name,
            "description": s.description,
            "quiesced": s.quiesced,
            "children": snapshots(s.childSnapshotList),
        }
        for s in trees or []
    ]


def disks(devices):
    found = []
    for device in devices:
        if isinstance(device, vim.vm.device.VirtualDisk):
            backing = device.backing
            file = getattr(backing, "fileName", None) or ""
            found.append({
                "file": file,
                "datastore": file[1:].split("]")[0] if file.startswith("[") else None,
                "kib": device.capacityInKB,
                "thin": getattr(backing, "thinProvisioned", None),
                "backing": type(backing).__name__.rsplit(".", 1)[-1],
            })
    return found


def cards(devices):
    return [
        {"mac": device.macAddress, "startConnected": bool(device.connectable and device.connectable.startConnected)}
        for device in devices if isinstance(device, vim.vm.device.VirtualEthernetCard)
    ]


def machine(ref, seen, places, stores):
    devices = seen.get("config.hardware.device") or []
    tree = seen.get("snapshot")
    extra = {o.key: o.value for o in seen.get("config.extraConfig") or [] if o.key.startswith(MARKS)}
    return {
        "ref": ref._moId,
        "name": seen.get("name"),
        "folder": path_of(seen.get("parent"), places),
        "datastores": sorted(stores[store]["name"] for store in seen.get("datastore") or []),
        "power": str(seen.get("runtime.powerState")),
        "annotation": seen.get("config.annotation") or "",
        "marks": extra,
        "uuid": seen.get("config.instanceUuid"),
        "template": bool(seen.get("config.template")),
        "vmx": seen.get("config.files.vmPathName"),
        "disks": disks(devices),
        "cards": cards(devices),
        "snapshots": snapshots(tree and tree.rootSnapshotList),
    }


def datastore(seen, hosts):
    summary, info = seen["summary"], seen["info"]
    nas = getattr(info, "nas", None)
    return {
        "name": seen["name"],
        "type": summary.type,
        "free": summary.freeSpace,
        "remote": f"{nas.remoteHost}:{nas.remotePath}" if nas else None,
        "hosts": sorted(hosts[mount.key]["name"] for mount in seen["host"]),
    }


def policies(device_info):
    """{naa: {policy, prefer, working}} of a host's LUNs."""
    if not device_info or not device_info.multipathInfo:
        return {}
    names = {lun.key: lun.canonicalName for lun in device_info.scsiLun}
    return {
        names.get(lun.lun, lun.lun): {
            "policy": lun.policy.policy,
            "prefer": getattr(lun.policy, "prefer", None),
            "working": sum(1 for path in lun.path if path.isWorkingPath),
        }
        for lun in device_info.multipathInfo.lun
    }


def look(content):
    places = everything(content, vim.Folder, ["name", "parent"])
    places.update(everything(content, vim.Datacenter, ["name", "parent"]))
    stores = everything(content, vim.Datastore, ["name", "summary", "info", "host"])
    hosts = everything(content, vim.HostSystem, ["name", "config.storageDevice"])
    vms = everything(content, vim.VirtualMachine, OF_VM)
    machines = [machine(ref, seen, places, stores) for ref, seen in vms.items()]
    return {
        "about": {"apiType": content.about.apiType, "version": content.about.version, "build": content.about.build},
        "folders": sorted(path_of(ref, places) for ref in places),
        "datastores": sorted((datastore(seen, hosts) for seen in stores.values()), key=lambda s: s["name"]),
        "hosts": {seen["name"]: {"luns": policies(seen.get("config.storageDevice"))} for seen in hosts.values()},
        "vms": sorted(machines, key=lambda vm: (vm["folder"], vm["name"], vm["ref"])),
    }


def main(url, user):
    at = urlsplit(url)
    password = sys.stdin.read().rstrip("\n")
    context = ssl._create_unverified_context()
    session = SmartConnect(host=at.hostname, port=at.port or 443, user=user, pwd=password, sslContext=context)
    try:
        json.dump(look(session.content), sys.stdout, indent=1)
        print()
    finally:
        Disconnect(session)


if __name__ == "__main__":
    main(*sys.argv[1:])
