# Everything of a host's network that the drivers of this folder look at, in one document. It only reads.
param($Wanted)

$parts = @{}
$failed = @{}

# A part that cannot be read is told as failed: unknown is never absent. Each part is a list, however many there are.
function Read-Part($Name, $Block) {
    try {
        $parts[$Name] = @(& $Block)
    }
    catch {
        $failed[$Name] = @{
            cmdlet   = "$($_.CategoryInfo.Activity)"
            category = "$($_.CategoryInfo.Category)"
            target   = "$($_.CategoryInfo.TargetName)"
            message  = "$($_.Exception.Message)"
        }
    }
}

# A module that is not installed has no cmdlets.
function Test-Cmdlet($Name) {
    @(Get-Command -Name $Name -ErrorAction SilentlyContinue).Count -gt 0
}

Read-Part 'host' {
    $address = $null
    if ($env:SSH_CONNECTION) { $address = ($env:SSH_CONNECTION -split ' ')[2] }
    @{
        name       = "$($env:COMPUTERNAME)"
        powerShell = "$($PSVersionTable.PSVersion)"
        edition    = "$($PSVersionTable.PSEdition)"
        address    = $address
        hyperV     = Test-Cmdlet 'Get-VMSwitch'
        dcb        = Test-Cmdlet 'Get-NetQosTrafficClass'
        now        = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
    }
}

Read-Part 'adapters' {
    Get-NetAdapter | ForEach-Object {
        @{
            name        = "$($_.Name)"
            description = "$($_.InterfaceDescription)"
            mac         = "$($_.MacAddress)"
            index       = $_.InterfaceIndex
            guid        = "$($_.DeviceID)"
            status      = "$($_.Status)"
            bitsPerSecond = $_.ReceiveLinkSpeed
            virtual     = $_.Virtual -ne $false
            model       = "$($_.ComponentID)"
            driver      = "$($_.DriverVersion)"
        }
    }
}

# Those that were set for good; an address of a cluster, say, is not among them.
Read-Part 'addresses' {
    $kept = @()
    try { $kept = @(Get-NetIPAddress -PolicyStore PersistentStore | ForEach-Object { "$($_.InterfaceIndex) $($_.IPAddress)" }) }
    catch { if ("$($_.CategoryInfo.Category)" -ne 'ObjectNotFound') { throw "$($_.Exception.Message)" } }
    Get-NetIPAddress | ForEach-Object {
        @{
            index      = $_.InterfaceIndex
            address    = "$($_.IPAddress)"
            prefix     = $_.PrefixLength
            origin     = "$($_.PrefixOrigin)"
            persistent = $kept -contains "$($_.InterfaceIndex) $($_.IPAddress)"
        }
    }
}

# The keyword, never the display name, which is in the host's language. A list that is missing is $null, and @($null) is a
# list of one.
Read-Part 'properties' {
    Get-NetAdapterAdvancedProperty | Where-Object { $_.RegistryKeyword } | ForEach-Object {
        @{
            adapter = $_.Name
            keyword = $_.RegistryKeyword
            display = $_.DisplayName
            values  = @($_.RegistryValue | Where-Object { $null -ne $_ })
            valid   = @($_.ValidRegistryValues | Where-Object { $null -ne $_ })
        }
    }
}

Read-Part 'rdma' {
    Get-NetAdapterRdma | ForEach-Object {
        @{
            adapter          = "$($_.Name)"
            enabled          = $_.Enabled
            queuePairs       = $_.MaxQueuePairCount
            completionQueues = $_.MaxCompletionQueueCount
        }
    }
}

Read-Part 'smb' {
    Get-SmbClientNetworkInterface | ForEach-Object {
        @{ index = $_.InterfaceIndex; rdmaCapable = $_.RdmaCapable }
    }
}

Read-Part 'multichannel' {
    Get-SmbClientConfiguration | ForEach-Object { @{ enabled = $_.EnableMultiChannel } }
}

Read-Part 'offload' {
    Get-NetOffloadGlobalSetting | ForEach-Object {
        @{
            networkDirect                 = "$($_.NetworkDirect)"
            networkDirectAcrossIPSubnets  = "$($_.NetworkDirectAcrossIPSubnets)"
        }
    }
}

# The older teams, below which no switch with embedded teaming may be.
Read-Part 'lbfo' {
    if (Test-Cmdlet 'Get-NetLbfoTeamMember') {
        Get-NetLbfoTeamMember | ForEach-Object { @{ team = "$($_.Team)"; nic = "$($_.Name)" } }
    }
}

# Network ATC sets what we would set, and sets it again.
Read-Part 'intents' {
    if (Test-Cmdlet 'Get-NetIntent') {
        Get-NetIntent | ForEach-Object { @{ name = $_.IntentName; adapters = @($_.NetAdapterNamesAsList | Where-Object { $null -ne $_ }) } }
    }
}

if ($parts['host'] -and $parts['host'][0].dcb) {
    Read-Part 'willing' { Get-NetQosDcbxSetting | ForEach-Object { @{ willing = $_.Willing } } }
    Read-Part 'policies' {
        Get-NetQosPolicy | ForEach-Object {
            @{
                name     = $_.Name
                port     = $_.NetDirectPort
                template = "$($_.Template)"
                priority = $_.PriorityValue8021Action
            }
        }
    }
    Read-Part 'classes' {
        Get-NetQosTrafficClass | ForEach-Object {
            @{
                name       = $_.Name
                algorithm  = "$($_.Algorithm)"
                bandwidth  = $_.BandwidthPercentage
                priorities = @($_.Priority | Where-Object { $null -ne $_ })
            }
        }
    }
    Read-Part 'flowControl' {
        Get-NetQosFlowControl | ForEach-Object { @{ priority = $_.Priority; enabled = $_.Enabled } }
    }
    Read-Part 'qos' {
        Get-NetAdapterQos | ForEach-Object {
            @{
                adapter     = "$($_.Name)"
                enabled     = $_.Enabled
                flowControl = "$($_.OperationalFlowControl)"
            }
        }
    }
}

if ($parts['host'] -and $parts['host'][0].hyperV) {
    Read-Part 'switches' {
        Get-VMSwitch | ForEach-Object {
            @{
                name              = $_.Name
                id                = "$($_.Id)"
                type              = "$($_.SwitchType)"
                embeddedTeaming   = $_.EmbeddedTeamingEnabled
                iov               = $_.IovEnabled
                packetDirect      = $_.PacketDirectEnabled
                bandwidthMode     = "$($_.BandwidthReservationMode)"
                allowManagementOS = $_.AllowManagementOS
                notes             = "$($_.Notes)"
                uplinks           = @($_.NetAdapterInterfaceDescriptions | Where-Object { $null -ne $_ })
            }
        }
    }
    Read-Part 'teams' {
        Get-VMSwitch | Where-Object { $_.EmbeddedTeamingEnabled } | ForEach-Object {
            $team = Get-VMSwitchTeam -Name $_.Name
            @{
                switch        = $team.Name
                uplinks       = @($team.NetAdapterInterfaceDescription | Where-Object { $null -ne $_ })
                mode          = "$($team.TeamingMode)"
                loadBalancing = "$($team.LoadBalancingAlgorithm)"
            }
        }
    }
    Read-Part 'hostAdapters' {
        Get-VMNetworkAdapter -ManagementOS | ForEach-Object {
            @{
                name            = "$($_.Name)"
                switch          = "$($_.SwitchName)"
                device          = "$($_.DeviceId)"
                ieeePriorityTag = "$($_.IeeePriorityTag)"
            }
        }
    }
    Read-Part 'vlans' {
        Get-VMNetworkAdapterVlan -ManagementOS | ForEach-Object {
            @{ adapter = "$($_.ParentAdapter.Name)"; mode = "$($_.OperationMode)"; vlan = $_.AccessVlanId }
        }
    }
    Read-Part 'mappings' {
        Get-VMNetworkAdapterTeamMapping -ManagementOS | ForEach-Object {
            @{ adapter = "$($_.ParentAdapter.Name)"; uplink = "$($_.NetAdapterName)" }
        }
    }
    Read-Part 'guests' {
        Get-VM | Get-VMNetworkAdapter | ForEach-Object {
            @{ vm = $_.VMName; adapter = $_.Name; switch = $_.SwitchName }
        }
    }
    Read-Part 'running' {
        Get-VM | Where-Object { "$($_.State)" -ne 'Off' } | ForEach-Object { @{ vm = $_.Name } }
    }
}

# What arm.ps1 and restore.ps1 left.
Read-Part 'guard' {
    $key = 'HKLM:\SOFTWARE\Evenkeel'
    if (Test-Path -Path $key) {
        $kept = Get-ItemProperty -Path $key
        $task = @()
        if ($kept.Guard) {
            try { $task = @(Get-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard') }
            catch { if ("$($_.CategoryInfo.Category)" -ne 'ObjectNotFound') { throw "$($_.Exception.Message)" } }
        }
        $rolled_back = ''
        if ("$($kept.Outcome)" -like '*"rolledBack"*') { $rolled_back = $kept.Outcome }
        @{ armed = "$($kept.Guard)"; rolledBack = "$rolled_back"; task = $task.Count -gt 0; unfinished = "$($kept.Unfinished)" }
    }
}

@{ parts = $parts; failed = $failed }
