package main

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"reflect"
	"regexp"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

var (
	clones   = regexp.MustCompile(`<CloneVM_Task[^>]*>\s*<_this[^>]*>([^<]+)<`)
	waits    = regexp.MustCompile(`<WaitForUpdates`)
	isThin   = regexp.MustCompile(`<transform>sparse</transform>|<thinProvisioned>true</thinProvisioned>`)
	isThick  = regexp.MustCompile(`<transform>flat</transform>|<thinProvisioned>false</thinProvisioned>`)
	returned = regexp.MustCompile(`_TaskResponse[^>]*><returnval type="Task">([^<]+)<`)
)

// around is what calls go through. It sees them as text, since the simulator lets no type of ours stand for a VM.
//
// A clone gets disks and network cards of its own there, and disks that are thin or not as the call says (its options are
// options.go's). The
// simulator's clone shares these objects with its source, whose disks get the clone's file names so, and takes the
// source's format. And a standalone host makes none, as an ESXi does not; the simulator's does.
type around struct {
	inner http.Handler
	by    time.Duration
	// Held alone while a clone is made, so that nobody sees its source with the devices that are lent to it.
	lent sync.RWMutex
}

// kept is an answer that is looked at before it is sent.
type kept struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }

// ServeHTTP serves a call.
func (a *around) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(request))
	answer := &kept{ResponseWriter: w}
	if kind := r.Header.Get(failHeader); kind != "" {
		fail(answer, request, kind)
	} else {
		a.call(answer, r, request)
	}
	if match := returned.FindSubmatch(answer.body.Bytes()); match != nil && a.by > 0 {
		delay(types.ManagedObjectReference{Type: "Task", Value: string(match[1])}, a.by)
	}
	_, _ = w.Write(answer.body.Bytes())
}

func (a *around) call(w *kept, r *http.Request, request []byte) {
	if match := reconfigures.FindSubmatch(request); match != nil {
		a.lent.Lock()
		defer a.lent.Unlock()
		a.inner.ServeHTTP(w, r)
		if vm := machine(string(match[1])); vm != nil {
			settle(vm)
		}
		return
	}
	match := clones.FindSubmatch(request)
	if match == nil {
		// One that waits for changes would keep clones from being made.
		if !waits.Match(request) {
			a.lent.RLock()
			defer a.lent.RUnlock()
		}
		a.inner.ServeHTTP(w, r)
		return
	}
	if simulator.Map.IsESX() {
		refuse(w, "NotSupported", "The operation is not supported on the object.")
		return
	}
	a.lent.Lock()
	defer a.lent.Unlock()
	source := machine(string(match[1]))
	if source != nil {
		own := source.Config.Hardware.Device
		source.Config.Hardware.Device = copies(own, request)
		// Also where the simulator panics, as it does for a datastore that is not there.
		defer func() { source.Config.Hardware.Device = own }()
	}
	a.inner.ServeHTTP(w, r)
	if made := returned.FindSubmatch(w.body.Bytes()); made != nil && source != nil {
		inherit(source, types.ManagedObjectReference{Type: "Task", Value: string(made[1])})
	}
}

// copies gives devices with disks and network cards that are nobody else's, of the format that the call asks for.
func copies(devices []types.BaseVirtualDevice, request []byte) []types.BaseVirtualDevice {
	out := make([]types.BaseVirtualDevice, 0, len(devices))
	for _, device := range devices {
		switch device.(type) {
		case *types.VirtualDisk, types.BaseVirtualEthernetCard:
			device = duplicate(device)
		}
		switch own := device.(type) {
		case *types.VirtualDisk:
			backing, ok := own.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			if ok && (isThin.Match(request) || isThick.Match(request)) {
				backing.ThinProvisioned = types.NewBool(isThin.Match(request))
			}
		case types.BaseVirtualEthernetCard:
			// It gets another.
			own.GetVirtualEthernetCard().MacAddress = ""
		}
		out = append(out, device)
	}
	return out
}

// duplicate goes by XML, which knows every type that a device may have.
func duplicate(device types.BaseVirtualDevice) types.BaseVirtualDevice {
	text, err := xml.Marshal(device)
	if err != nil {
		log.Panic(err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.TypeFunc = types.TypeFunc()
	own := reflect.New(reflect.TypeOf(device).Elem()).Interface().(types.BaseVirtualDevice)
	if err := decoder.Decode(own); err != nil {
		log.Panic(err)
	}
	return own
}
