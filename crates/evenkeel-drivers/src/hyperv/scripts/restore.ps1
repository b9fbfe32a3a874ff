# Run by the scheduled task that arm.ps1 made, when nobody disarmed it: puts back what was written down. Every part is
# tried, whatever became of those before; what failed is written down for who looks next. What was ended in the midst of it,
# as by a power cut, begins anew.
$key = 'HKLM:\SOFTWARE\Evenkeel'
$task = @{ TaskPath = '\Evenkeel\'; TaskName = 'Guard' }
$kept = Get-ItemProperty -Path $key
if (-not $kept.Guard) { exit 0 }
$guard = ConvertFrom-Json -InputObject $kept.Guard
$id = $guard.id
$errors = @()

function Exit-With($Outcome, $Said) {
    $done = @{
        id      = $id
        outcome = $Outcome
        said    = $Said
        at      = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
        errors  = $errors
    }
    # Kept until a person clears it.
    $unfinished = @($kept.Unfinished) + $errors | Where-Object { $_ }
    Set-ItemProperty -Path $key -Name 'Unfinished' -Value ($unfinished -join '; ')
    # Another run must not arm its own guard while this one is taken away.
    $mutex = [Threading.Mutex]::new($false, 'Global\Evenkeel')
    $is_ours = $mutex.WaitOne(30000)
    Set-ItemProperty -Path $key -Name 'Outcome' -Value (ConvertTo-Json -InputObject $done -Depth 4 -Compress)
    Set-ItemProperty -Path $key -Name 'Guard' -Value ''
    Set-ItemProperty -Path $key -Name 'Firing' -Value ''
    Unregister-ScheduledTask @task -Confirm:$false
    if ($is_ours) { $mutex.ReleaseMutex() }
    exit 0
}

# What is there already, or gone already, needs nothing. Two host adapters may have one name; a second one is never meant.
function Test-Done($Call, $Kept) {
    $name = $Call.parameters.Name
    if ($Call.cmdlet -eq 'Rename-NetAdapter') {
        return @(Get-NetAdapter | Where-Object { $_.Name -eq $Call.parameters.NewName }).Count -gt 0
    }
    if ($Call.cmdlet -like '*-VMSwitch') {
        $there = @(Get-VMSwitch | Where-Object { $_.Name -eq $name })
        # The change may have failed to remove it.
        if ($Call.cmdlet -eq 'Remove-VMSwitch') { $there = @($there | Where-Object { "$($_.Id)" -ne "$Kept" }) }
        $is_there = $there.Count -gt 0
        return ($Call.cmdlet -eq 'New-VMSwitch' -and $is_there) -or ($Call.cmdlet -eq 'Remove-VMSwitch' -and -not $is_there)
    }
    if ($Call.cmdlet -like '*-VMNetworkAdapter' -and -not $Call.parameters.VMName) {
        $is_there = @(Get-VMNetworkAdapter -ManagementOS | Where-Object { $_.Name -eq $name }).Count -gt 0
        return ($Call.cmdlet -eq 'Add-VMNetworkAdapter' -and $is_there) -or
            ($Call.cmdlet -in @('Remove-VMNetworkAdapter', 'Rename-VMNetworkAdapter') -and -not $is_there)
    }
    $false
}

# An adapter that was just made is there some seconds later.
function Wait-Adapter($Name) {
    $waited = 0
    while (@(Get-NetAdapter | Where-Object { $_.Name -eq $Name }).Count -eq 0 -and $waited -lt 30) {
        Start-Sleep -Seconds 1
        $waited++
    }
}

function Test-Address($One) {
    @(Get-NetIPAddress | Where-Object { $_.IPAddress -eq $One.address }).Count -gt 0
}

# An address that went with its adapter, and what hung on it.
function Restore-Address($One) {
    Wait-Adapter $One.interface
    if (-not (Test-Address $One)) {
        New-NetIPAddress -InterfaceAlias $One.interface -IPAddress $One.address -PrefixLength $One.prefix | Out-Null
    }
    foreach ($route in @($guard.routes | Where-Object { $_.interface -eq $One.interface })) {
        $known = @(Get-NetRoute | Where-Object { $_.DestinationPrefix -eq $route.prefix -and $_.NextHop -eq $route.hop })
        if ($known.Count -eq 0) {
            New-NetRoute -InterfaceAlias $route.interface -DestinationPrefix $route.prefix -NextHop $route.hop | Out-Null
        }
    }
    foreach ($dns in @($guard.servers | Where-Object { $_.interface -eq $One.interface })) {
        Set-DnsClientServerAddress -InterfaceAlias $dns.interface -ServerAddresses @($dns.servers)
    }
}

# First this, then the look whether it was disarmed: see disarm.ps1.
Set-ItemProperty -Path $key -Name 'Firing' -Value $id
if (-not (Get-ItemProperty -Path $key).Guard) { Exit-With 'confirmed' '' }

# The cmdlet that the change is at ends; another does not begin: see invoke.ps1.
$waited = 0
$change = "$((Get-ItemProperty -Path $key).Change)"
while ($change -like "$id begun *" -and $waited -lt 60) {
    Start-Sleep -Seconds 1
    $waited++
    $change = "$((Get-ItemProperty -Path $key).Change)"
}
if ($change -notlike "$id *") { Exit-With 'neverBegun' 'nothing was changed: the change did not begin' }
$why = 'no new connection came in time'
if ($change -like "$id begun *") { $why = 'the change did not come to its end' }
if ($change -like "$id failed *") { $why = 'the change failed' }
$begun = [int]($change -split ' ')[2]

# After a restart of the host its virtual machine management begins later than we do.
$waited = 0
$is_ready = @(Get-Command -Name 'Get-VMSwitch' -ErrorAction SilentlyContinue).Count -eq 0
while (-not $is_ready -and $waited -lt 120) {
    try {
        Get-VMSwitch | Out-Null
        $is_ready = $true
    }
    catch {
        Start-Sleep -Seconds 1
        $waited++
    }
}

foreach ($back in @($guard.calls | Where-Object { $_.after -le $begun })) {
    $call = $back.call
    try {
        $parameters = @{ ErrorAction = 'Stop' }
        foreach ($given in $call.parameters.PSObject.Properties) {
            $parameters[$given.Name] = $given.Value
        }
        if (-not (Test-Done $call $back.keep)) {
            if ($call.cmdlet -like '*-NetAdapter*') { Wait-Adapter $call.parameters.Name }
            $cmdlet = $call.cmdlet
            & $cmdlet @parameters | Out-Null
        }
    }
    catch {
        $what = @($call.cmdlet, $call.parameters.VMName, $call.parameters.VMNetworkAdapterName, $call.parameters.Name) | Where-Object { $_ }
        $errors += "$($what -join ' '): $($_.Exception.Message)"
    }
}

# TCP/IP comes to a NIC some seconds after a switch is gone.
foreach ($one in @($guard.addresses)) {
    if (Test-Address $one) {
        $at = @(Get-NetIPAddress | Where-Object { $_.IPAddress -eq $one.address })[0].InterfaceAlias
        if ($at -ne $one.interface) { $errors += "$($one.address): it is at $at, and was at $($one.interface)" }
        continue
    }
    for ($tried = 1; $tried -le 30; $tried++) {
        try {
            Restore-Address $one
            break
        }
        catch {
            if ($tried -eq 30) { $errors += "$($one.address): $($_.Exception.Message)" }
            Start-Sleep -Seconds 1
        }
    }
}

Exit-With 'rolledBack' "the host put back what was there before, since $why"
