package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

// inventory is what is in the model, as a client in this process sees it, which needs no session.
type inventory struct {
	ctx       context.Context
	settings  *settings
	directory string
	hosts     []*object.HostSystem
	vmFolder  *object.Folder
}

// fill puts into the model what the flags say.
func fill(model *simulator.Model, s *settings, directory string) error {
	ctx := context.Background()
	client, err := vim25.NewClient(ctx, model.Service)
	if err != nil {
		return err
	}
	finder := find.NewFinder(client)
	datacenter, err := finder.DefaultDatacenter(ctx)
	if err != nil {
		return err
	}
	finder.SetDatacenter(datacenter)
	hosts, err := finder.HostSystemList(ctx, "*")
	if err != nil {
		return err
	}
	folders, err := datacenter.Folders(ctx)
	if err != nil {
		return err
	}
	i := &inventory{ctx: ctx, settings: s, directory: directory, hosts: hosts, vmFolder: folders.VmFolder}
	for _, host := range hosts {
		i.addLuns(simulator.Map.Get(host.Reference()).(*simulator.HostSystem))
	}
	if !s.bare {
		i.extend(model)
	}
	for _, add := range []func() error{i.addDatastores, i.addFolders, i.addMachines} {
		if err := add(); err != nil {
			return err
		}
	}
	i.setFree()
	return nil
}

// extend replaces objects by ours that can do more.
func (i *inventory) extend(model *simulator.Model) {
	exports := newExports(i.directory)
	for _, host := range i.hosts {
		ours := simulator.Map.Get(host.Reference()).(*simulator.HostSystem)
		storage := simulator.Map.Get(*ours.ConfigManager.StorageSystem).(*simulator.HostStorageSystem)
		simulator.Map.Put(&paths{HostStorageSystem: *storage})
		datastores := simulator.Map.Get(*ours.ConfigManager.DatastoreSystem).(*simulator.HostDatastoreSystem)
		simulator.Map.Put(&mounts{HostDatastoreSystem: *datastores, exports: exports})
	}
	collector := simulator.Map.Get(model.ServiceContent.PropertyCollector).(*simulator.PropertyCollector)
	bound := new(pages)
	bound.PropertyCollector.PropertyCollector = collector.PropertyCollector
	simulator.Map.Put(bound)
}

// addLuns gives a host LUNs of an IBM SVC with four paths each. In the simulator all hosts share one description of
// their storage, so each gets its own.
func (i *inventory) addLuns(host *simulator.HostSystem) {
	if i.settings.luns == 0 {
		return
	}
	info := esx.HostStorageDeviceInfo
	info.MultipathInfo = new(types.HostMultipathInfo)
	info.ScsiLun = append([]types.BaseScsiLun{}, info.ScsiLun...)
	for n := 0; n < i.settings.luns; n++ {
		disk, unit := lun(n)
		info.ScsiLun = append(info.ScsiLun, disk)
		info.MultipathInfo.Lun = append(info.MultipathInfo.Lun, unit)
	}
	storage := simulator.Map.Get(*host.ConfigManager.StorageSystem).(*simulator.HostStorageSystem)
	storage.StorageDeviceInfo, host.Config.StorageDevice = &info, &info
}

func lun(n int) (*types.HostScsiDisk, types.HostMultipathInfoLogicalUnit) {
	name := fmt.Sprintf("naa.60050768018e0000000000000000%04x", n)
	disk := new(types.HostScsiDisk)
	disk.Key = fmt.Sprintf("key-vim.host.ScsiDisk-%04x", n)
	disk.Uuid = fmt.Sprintf("02000000006005076801%024x", n)
	disk.CanonicalName, disk.DisplayName = name, "IBM Fibre Channel Disk ("+name+")"
	disk.DevicePath, disk.DeviceName = "/vmfs/devices/disks/"+name, "/vmfs/devices/disks/"+name
	disk.Vendor, disk.Model, disk.LunType, disk.DeviceType = "IBM", "2145", "disk", "disk"
	disk.OperationalState = []string{"ok"}

	fixed := &types.HostMultipathInfoFixedLogicalUnitPolicy{Prefer: fmt.Sprintf("vmhba2:C0:T0:L%d", n)}
	fixed.Policy = "VMW_PSP_FIXED"
	unit := types.HostMultipathInfoLogicalUnit{
		Key:                    "key-vim.host.MultipathInfo.LogicalUnit-" + disk.Uuid,
		Id:                     disk.Uuid,
		Lun:                    disk.Key,
		Policy:                 fixed,
		StorageArrayTypePolicy: &types.HostMultipathInfoLogicalUnitStorageArrayTypePolicy{Policy: "VMW_SATP_SVC"},
	}
	for p := 0; p < 4; p++ {
		adapter := fmt.Sprintf("vmhba%d", 2+p/2)
		path := fmt.Sprintf("%s:C0:T%d:L%d", adapter, p%2, n)
		unit.Path = append(unit.Path, types.HostMultipathInfoPath{
			Key:           "key-vim.host.MultipathInfo.Path-" + path,
			Name:          path,
			PathState:     "active",
			State:         "active",
			IsWorkingPath: types.NewBool(true),
			Lun:           disk.Key,
			Adapter:       "key-vim.host.FibreChannelHba-" + adapter,
		})
	}
	return disk, unit
}

// addDatastores mounts the NFS datastores on all hosts.
func (i *inventory) addDatastores() error {
	for _, name := range list(i.settings.nas) {
		path := name
		if i.settings.bare {
			// The simulator alone takes folders of this machine.
			path = filepath.Join(i.directory, name)
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
		}
		for _, host := range i.hosts {
			system, err := host.ConfigManager().DatastoreSystem(i.ctx)
			if err != nil {
				return err
			}
			spec := types.HostNasVolumeSpec{
				RemoteHost: "durian.teppi.net",
				RemotePath: "/mnt/POOL1/" + name,
				LocalPath:  path,
				AccessMode: string(types.HostMountModeReadWrite),
				Type:       string(types.HostFileSystemVolumeFileSystemTypeNFS),
			}
			if _, err := system.CreateNasDatastore(i.ctx, spec); err != nil {
				return fmt.Errorf("datastore %s on %s: %w", name, host.Name(), err)
			}
		}
	}
	return nil
}

func (i *inventory) addFolders() error {
	for _, name := range list(i.settings.folders) {
		if _, err := i.vmFolder.CreateFolder(i.ctx, name); err != nil {
			return fmt.Errorf("folder %s: %w", name, err)
		}
	}
	return nil
}

// addMachines makes the VMs, on each host and each local datastore in turn.
func (i *inventory) addMachines() error {
	names := list(i.settings.names)
	for n := 0; n < i.settings.count; n++ {
		names = append(names, fmt.Sprintf("vm-%04d", n))
	}
	for n, name := range names {
		host := i.hosts[n%len(i.hosts)]
		datastore := fmt.Sprintf("[LocalDS_%d]", n%i.settings.datastores)
		if err := i.addMachine(host, name, datastore); err != nil {
			return fmt.Errorf("VM %s: %w", name, err)
		}
	}
	return nil
}

// addMachine makes a VM with a disk and a network card.
func (i *inventory) addMachine(host *object.HostSystem, name, datastore string) error {
	devices, err := i.devices(name, datastore)
	if err != nil {
		return err
	}
	spec := types.VirtualMachineConfigSpec{
		Name:     name,
		GuestId:  string(types.VirtualMachineGuestOsIdentifierOtherLinux64Guest),
		NumCPUs:  2,
		MemoryMB: 4096,
		Files:    &types.VirtualMachineFileInfo{VmPathName: datastore},
	}
	if spec.DeviceChange, err = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd); err != nil {
		return err
	}
	pool, err := host.ResourcePool(i.ctx)
	if err != nil {
		return err
	}
	task, err := i.vmFolder.CreateVM(i.ctx, spec, pool, host)
	if err != nil {
		return err
	}
	info, err := task.WaitForResult(i.ctx, nil)
	if err != nil || !i.settings.on {
		return err
	}
	vm := object.NewVirtualMachine(i.vmFolder.Client(), info.Result.(types.ManagedObjectReference))
	_, err = vm.PowerOn(i.ctx)
	return err
}

func (i *inventory) devices(name, datastore string) (object.VirtualDeviceList, error) {
	var devices object.VirtualDeviceList
	controller, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return nil, err
	}
	file := fmt.Sprintf("%s %s/%s.vmdk", datastore, name, name)
	disk := devices.CreateDisk(controller.(types.BaseVirtualController), types.ManagedObjectReference{}, file)
	disk.CapacityInKB = i.settings.disk << 20
	network := new(types.VirtualEthernetCardNetworkBackingInfo)
	network.DeviceName = "VM Network"
	card, err := devices.CreateEthernetCard("vmxnet3", network)
	return append(devices, controller, disk, card), err
}

// setFree says how full the datastores are that are there by now.
func (i *inventory) setFree() {
	if i.settings.free == 0 {
		return
	}
	for _, entity := range simulator.Map.All("Datastore") {
		datastore := entity.(*simulator.Datastore)
		datastore.Summary.FreeSpace, datastore.Summary.Capacity = i.settings.free<<30, i.settings.free<<31
		datastore.Info.GetDatastoreInfo().FreeSpace = i.settings.free << 30
	}
}
