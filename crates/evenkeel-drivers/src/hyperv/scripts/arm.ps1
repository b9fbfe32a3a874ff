# Arms the dead man's switch: a scheduled task that puts back what is written down here, unless disarm.ps1 comes first.
# What is kept stands in the registry below HKLM, where only administrators write.
param($Wanted)

$key = 'HKLM:\SOFTWARE\Evenkeel'
if (-not (Test-Path -Path $key)) { New-Item -Path $key | Out-Null }
$now = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()

$kept = Get-ItemProperty -Path $key
if ($kept.Guard) {
    $other = ConvertFrom-Json -InputObject $kept.Guard
    # One whose time is long over did not run, and never will.
    if ($now -lt $other.fires + 600) { throw "another run is being tried out on this host (guard $($other.id))" }
}

# Adapters come and go with a switch, and their addresses with them. Only what was set for good is ours to put back: an
# address of a cluster may be on another node by then.
$persistent = @()
try { $persistent = @(Get-NetIPAddress -PolicyStore PersistentStore) }
catch { if ("$($_.CategoryInfo.Category)" -ne 'ObjectNotFound') { throw "$($_.Exception.Message)" } }
$routes = @()
try { $routes = @(Get-NetRoute -PolicyStore PersistentStore) }
catch { if ("$($_.CategoryInfo.Category)" -ne 'ObjectNotFound') { throw "$($_.Exception.Message)" } }
$addresses = @(
    $persistent | Where-Object { "$($_.PrefixOrigin)" -eq 'Manual' } | ForEach-Object {
        @{ interface = $_.InterfaceAlias; address = $_.IPAddress; prefix = $_.PrefixLength }
    }
)
$routes = @(
    $routes | Where-Object { "$($_.NextHop)" -ne '0.0.0.0' -and "$($_.NextHop)" -ne '::' } | ForEach-Object {
        @{ interface = $_.InterfaceAlias; prefix = $_.DestinationPrefix; hop = $_.NextHop }
    }
)
$servers = @(
    Get-DnsClientServerAddress | Where-Object { $_.ServerAddresses } | ForEach-Object {
        @{ interface = $_.InterfaceAlias; servers = @($_.ServerAddresses) }
    }
)

$fires = $now + $Wanted.seconds
$guard = @{
    id        = $Wanted.id
    armed     = $now
    fires     = $fires
    calls     = @($Wanted.calls)
    addresses = $addresses
    routes    = $routes
    servers   = $servers
}
Set-ItemProperty -Path $key -Name 'Restore' -Value $Wanted.restore
foreach ($name in @('RolledBack', 'Change', 'Firing')) {
    Set-ItemProperty -Path $key -Name $name -Value ''
}
Set-ItemProperty -Path $key -Name 'Guard' -Value (ConvertTo-Json -InputObject $guard -Depth 12 -Compress)

# The preferences stand outside of the block: cmdlets that are functions of a module see only global ones.
$run = '$ErrorActionPreference = ''Stop''; $ProgressPreference = ''SilentlyContinue''; & ([ScriptBlock]::Create((Get-ItemProperty -Path ''HKLM:\SOFTWARE\Evenkeel'').Restore))'
$encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($run))
$action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -NonInteractive -EncodedCommand $encoded"
# Also when the host starts: it may have been restarted to get it back.
$triggers = @(
    (New-ScheduledTaskTrigger -Once -At ([DateTime]::Now.AddSeconds($Wanted.seconds))),
    (New-ScheduledTaskTrigger -AtStartup)
)
$who = New-ScheduledTaskPrincipal -UserId 'SYSTEM' -LogonType ServiceAccount -RunLevel Highest
$how = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
Register-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -Action $action -Trigger $triggers -Principal $who -Settings $how -Force | Out-Null

@{ id = $Wanted.id; fires = $fires }
