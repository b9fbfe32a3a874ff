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

# Adapters come and go with a switch, and their addresses with them.
$addresses = @(
    Get-NetIPAddress | Where-Object { "$($_.PrefixOrigin)" -eq 'Manual' } | ForEach-Object {
        @{ interface = $_.InterfaceAlias; address = $_.IPAddress; prefix = $_.PrefixLength }
    }
)
$routes = @(
    Get-NetRoute | Where-Object { "$($_.NextHop)" -ne '0.0.0.0' -and "$($_.NextHop)" -ne '::' } | ForEach-Object {
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
Set-ItemProperty -Path $key -Name 'RolledBack' -Value ''
Set-ItemProperty -Path $key -Name 'Change' -Value ''
Set-ItemProperty -Path $key -Name 'Guard' -Value (ConvertTo-Json -InputObject $guard -Depth 12 -Compress)

$run = '& ([ScriptBlock]::Create((Get-ItemProperty -Path ''HKLM:\SOFTWARE\Evenkeel'').Restore))'
$encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($run))
$action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -NonInteractive -EncodedCommand $encoded"
$trigger = New-ScheduledTaskTrigger -Once -At ([DateTime]::Now.AddSeconds($Wanted.seconds))
$who = New-ScheduledTaskPrincipal -UserId 'SYSTEM' -LogonType ServiceAccount -RunLevel Highest
# Also where the host was off at that time, and on a laptop's battery.
$how = New-ScheduledTaskSettingsSet -StartWhenAvailable -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
Register-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -Action $action -Trigger $trigger -Principal $who -Settings $how -Force | Out-Null

@{ id = $Wanted.id; fires = $fires }
