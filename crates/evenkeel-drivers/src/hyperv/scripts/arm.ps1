# Arms the dead man's switch: a scheduled task that puts back what is written down here, unless disarm.ps1 comes first.
# What is kept stands in the registry below HKLM, where only administrators write.
param($Wanted)

$key = 'HKLM:\SOFTWARE\Evenkeel'
$task = @{ TaskPath = '\Evenkeel\'; TaskName = 'Guard' }

# Many of these cmdlets call it an error that there is none.
function Get-Any($Block) {
    try { & $Block }
    catch { if ("$($_.CategoryInfo.Category)" -ne 'ObjectNotFound') { throw "$($_.Exception.Message)" } }
}

function Write-Guard {
    $now = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
    $kept = Get-ItemProperty -Path $key
    if ($kept.Guard) {
        $other = ConvertFrom-Json -InputObject $kept.Guard
        $is_registered = @(Get-Any { Get-ScheduledTask @task }).Count -gt 0
        if ($is_registered -or $now -lt $other.fires + 600) {
            throw "another run is being tried out on this host (guard $($other.id))"
        }
    }

    # Somebody else may have made meanwhile what we would make, and what the way back would remove.
    if ($Wanted.absent -and @(Get-VMSwitch | Where-Object { $_.Name -eq $Wanted.absent }).Count -gt 0) {
        throw "the switch $($Wanted.absent) was made since we looked: plan again"
    }

    # Adapters come and go with a switch, and their addresses with them. Only what was set for good is ours to put back: an
    # address of a cluster may be on another node by then.
    $guard = @{
        id        = $Wanted.id
        armed     = $now
        fires     = $now + $Wanted.seconds
        calls     = @($Wanted.calls)
        addresses = @(
            Get-Any { Get-NetIPAddress -PolicyStore PersistentStore } |
                Where-Object { "$($_.PrefixOrigin)" -eq 'Manual' } |
                ForEach-Object { @{ interface = $_.InterfaceAlias; address = $_.IPAddress; prefix = $_.PrefixLength } }
        )
        routes    = @(
            Get-Any { Get-NetRoute -PolicyStore PersistentStore } |
                Where-Object { "$($_.NextHop)" -ne '0.0.0.0' -and "$($_.NextHop)" -ne '::' } |
                ForEach-Object { @{ interface = $_.InterfaceAlias; prefix = $_.DestinationPrefix; hop = $_.NextHop } }
        )
        # Windows shows those that begin with fec0: wherever none is set.
        servers   = @(
            Get-DnsClientServerAddress |
                Where-Object { $_.ServerAddresses -and "$($_.ServerAddresses)" -notlike 'fec0:*' } |
                ForEach-Object { @{ interface = $_.InterfaceAlias; servers = @($_.ServerAddresses) } }
        )
    }
    Set-ItemProperty -Path $key -Name 'Restore' -Value $Wanted.restore
    foreach ($name in @('Outcome', 'Change', 'Firing')) {
        Set-ItemProperty -Path $key -Name $name -Value ''
    }
    Set-ItemProperty -Path $key -Name 'Guard' -Value (ConvertTo-Json -InputObject $guard -Depth 12 -Compress)
}

function Register-Guard {
    # The preferences stand outside of the block: cmdlets that are functions of a module see only global ones.
    $run = '$ErrorActionPreference = ''Stop''; $ProgressPreference = ''SilentlyContinue''; & ([ScriptBlock]::Create((Get-ItemProperty -Path ''HKLM:\SOFTWARE\Evenkeel'').Restore))'
    $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($run))
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -NonInteractive -EncodedCommand $encoded"
    # Also when the host starts: it may have been restarted to get it back.
    $triggers = @(
        (New-ScheduledTaskTrigger -Once -At ([DateTime]::Now.AddSeconds($Wanted.seconds))),
        (New-ScheduledTaskTrigger -AtStartup)
    )
    # SYSTEM, which has another name in other languages.
    $who = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
    $how = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
    Register-ScheduledTask @task -Action $action -Trigger $triggers -Principal $who -Settings $how -Force | Out-Null
}

# Of two runs that come at the same moment one waits, and then sees the other's guard.
$mutex = [Threading.Mutex]::new($false, 'Global\Evenkeel')
if (-not $mutex.WaitOne(30000)) { throw 'another run is arming its guard on this host' }
try {
    if (-not (Test-Path -Path $key)) { New-Item -Path $key | Out-Null }
    Write-Guard
    try { Register-Guard }
    catch {
        Set-ItemProperty -Path $key -Name 'Guard' -Value ''
        throw
    }
}
finally { $mutex.ReleaseMutex() }

@{ id = $Wanted.id }
