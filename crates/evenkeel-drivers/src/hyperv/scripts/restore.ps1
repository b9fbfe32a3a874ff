# Run by the scheduled task that arm.ps1 made, when nobody disarmed it: puts back what was written down. Every part is
# tried, whatever became of those before; what failed is written down for who looks next.
$key = 'HKLM:\SOFTWARE\Evenkeel'
$kept = (Get-ItemProperty -Path $key).Guard
if (-not $kept) { exit 0 }
$guard = ConvertFrom-Json -InputObject $kept
$id = $guard.id

# First this, then the look whether it was disarmed: see disarm.ps1.
Set-ItemProperty -Path $key -Name 'Firing' -Value $id
if (-not (Get-ItemProperty -Path $key).Guard) {
    Set-ItemProperty -Path $key -Name 'Change' -Value "$id disarmed"
    Set-ItemProperty -Path $key -Name 'Firing' -Value ''
    Unregister-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -Confirm:$false
    exit 0
}
Set-ItemProperty -Path $key -Name 'Guard' -Value ''

# The cmdlet that the change is at ends; another does not begin.
$waited = 0
while ("$((Get-ItemProperty -Path $key).Change)" -eq "$id begun" -and $waited -lt 60) {
    Start-Sleep -Seconds 1
    $waited++
}
if ("$((Get-ItemProperty -Path $key).Change)" -notlike "$id *") {
    Set-ItemProperty -Path $key -Name 'Change' -Value "$id never"
    Set-ItemProperty -Path $key -Name 'Firing' -Value ''
    Unregister-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -Confirm:$false
    exit 0
}

# After a restart of the host its virtual machine management begins later than we do.
$waited = 0
$ready = @(Get-Command -Name 'Get-VMSwitch' -ErrorAction SilentlyContinue).Count -eq 0
while (-not $ready -and $waited -lt 120) {
    try {
        Get-VMSwitch | Out-Null
        $ready = $true
    }
    catch {
        Start-Sleep -Seconds 1
        $waited++
    }
}

$errors = @()
foreach ($call in @($guard.calls)) {
    try {
        $parameters = @{ ErrorAction = 'Stop' }
        foreach ($given in $call.parameters.PSObject.Properties) {
            $parameters[$given.Name] = $given.Value
        }
        # Two host adapters may have one name; a second one is never meant.
        $twin = @()
        if ($call.cmdlet -eq 'Add-VMNetworkAdapter') {
            $twin = @(Get-VMNetworkAdapter -ManagementOS | Where-Object { $_.Name -eq $call.parameters.Name })
        }
        if ($twin.Count -eq 0) {
            $cmdlet = $call.cmdlet
            & $cmdlet @parameters | Out-Null
        }
    }
    catch { $errors += "$($call.cmdlet): $($_.Exception.Message)" }
}

# Addresses that are gone go back to the adapter that had them, with what else that adapter had.
foreach ($one in @($guard.addresses)) {
    try {
        $there = @(Get-NetIPAddress | Where-Object { $_.IPAddress -eq $one.address }).Count -gt 0
        if (-not $there) {
            New-NetIPAddress -InterfaceAlias $one.interface -IPAddress $one.address -PrefixLength $one.prefix | Out-Null
            foreach ($route in @($guard.routes | Where-Object { $_.interface -eq $one.interface })) {
                $known = @(Get-NetRoute | Where-Object { $_.DestinationPrefix -eq $route.prefix -and $_.NextHop -eq $route.hop })
                if ($known.Count -eq 0) {
                    New-NetRoute -InterfaceAlias $route.interface -DestinationPrefix $route.prefix -NextHop $route.hop | Out-Null
                }
            }
            foreach ($dns in @($guard.servers | Where-Object { $_.interface -eq $one.interface })) {
                Set-DnsClientServerAddress -InterfaceAlias $dns.interface -ServerAddresses @($dns.servers)
            }
        }
    }
    catch { $errors += "$($one.address): $($_.Exception.Message)" }
}

$done = @{ id = $id; at = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds(); errors = $errors }
Set-ItemProperty -Path $key -Name 'RolledBack' -Value (ConvertTo-Json -InputObject $done -Depth 4 -Compress)
Set-ItemProperty -Path $key -Name 'Firing' -Value ''
Unregister-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -Confirm:$false
