package main

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// failHeader asks in a request for a task that fails with a fault of this type, NoDiskSpace for instance, instead of
// what the method does. A test's proxy sends it: the simulator's tasks fail for few reasons, and no disk of its is
// ever full.
const failHeader = "Vcsim-Fail"

var beginsTask = regexp.MustCompile(`<(\w+)_Task[^>]*>\s*<_this[^>]*type="(\w+)"[^>]*>([^<]+)<`)

const taskResponse = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>` +
	`<%[1]s_TaskResponse xmlns="urn:vim25"><returnval type="Task">%[2]s</returnval></%[1]s_TaskResponse>` +
	`</soapenv:Body></soapenv:Envelope>`

const fault = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
	`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>` +
	`<faultcode>ServerFaultCode</faultcode><faultstring>%[2]s</faultstring><detail>` +
	`<%[1]sFault xmlns="urn:vim25" xsi:type="%[1]s"></%[1]sFault></detail></soapenv:Fault>` +
	`</soapenv:Body></soapenv:Envelope>`

// refuse answers a request with a fault of a type that has no fields.
func refuse(w http.ResponseWriter, kind, words string) {
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprintf(w, fault, kind, words)
}

// fail answers a request with a task that fails.
func fail(w http.ResponseWriter, request []byte, kind string) {
	match := beginsTask.FindStringSubmatch(string(request))
	known, ok := types.TypeFunc()(kind)
	if match == nil || !ok {
		http.Error(w, failHeader+": no task, or no fault of that type", http.StatusBadRequest)
		return
	}
	why, ok := reflect.New(known).Interface().(types.BaseMethodFault)
	if !ok {
		http.Error(w, failHeader+": not a fault", http.StatusBadRequest)
		return
	}
	method, of := match[1], types.ManagedObjectReference{Type: match[2], Value: match[3]}
	name := strings.ToLower(method[:1]) + strings.Replace(method[1:], "VM", "Vm", 1)
	task := simulator.CreateTask(of, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, why
	})
	fmt.Fprintf(w, taskResponse, method, task.Run().Value)
}
