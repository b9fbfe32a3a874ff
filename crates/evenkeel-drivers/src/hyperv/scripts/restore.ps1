# Run by the scheduled task that arm.ps1 made, when nobody disarmed it: puts back what was written down. Every part is
# tried, whatever became of those before; what failed is written down for who looks next.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$key = 'HKLM:\SOFTWARE\Evenkeel'
$kept = (Get-ItemProperty -Path $key).Guard
if (-not $kept) { exit 0 }
$guard = ConvertFrom-Json -InputObject $kept
# From here on it is too late to disarm it.
Set-ItemProperty -Path $key -Name 'Guard' -Value ''

$errors = @()
foreach ($call in @($guard.calls)) {
    try {
        $parameters = @{ ErrorAction = 'Stop' }
        foreach ($given in $call.parameters.PSObject.Properties) {
            $parameters[$given.Name] = $given.Value
        }
        $cmdlet = $call.cmdlet
        & $cmdlet @parameters | Out-Null
    }
    catch { $errors += "$($call.cmdlet): $($_.Exception.Message)" }
}

# Addresses that are gone go back to the adapter that had them, with what else that adapter had.
foreach ($one in @($guard.addresses)) {
    try {
        $there = @(Get-NetIPAddress | Where-Object { $_.IPAddress -eq $one.address }).Count -gt 0
        if (-not $there) {
            New-NetIPAddress -InterfaceAlias $one.interface -IPAddress $one.address -PrefixLength $one.prefix | Out-Null
        }
    }
    catch { $errors += "$($one.address): $($_.Exception.Message)" }
}
foreach ($one in @($guard.routes)) {
    try {
        $there = @(Get-NetRoute | Where-Object { $_.DestinationPrefix -eq $one.prefix -and $_.NextHop -eq $one.hop }).Count -gt 0
        if (-not $there) {
            New-NetRoute -InterfaceAlias $one.interface -DestinationPrefix $one.prefix -NextHop $one.hop | Out-Null
        }
    }
    catch { $errors += "$($one.prefix): $($_.Exception.Message)" }
}
foreach ($one in @($guard.servers)) {
    try { Set-DnsClientServerAddress -InterfaceAlias $one.interface -ServerAddresses @($one.servers) }
    catch { $errors += "$($one.interface): $($_.Exception.Message)" }
}

$done = @{ id = $guard.id; at = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds(); errors = $errors }
Set-ItemProperty -Path $key -Name 'RolledBack' -Value (ConvertTo-Json -InputObject $done -Depth 4 -Compress)
Unregister-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -Confirm:$false
