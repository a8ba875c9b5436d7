/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guest's firmware would say of the machine. Integers named VIAx hold placeholders that
 * acpi/tables.c replaces by what this guest has: they must stay QWord constants.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "VIADUC", "VIADUCT ", 1)
{
    Name (VIA0, 0xFEDCBA9876543210)     /* first address of the PCI window above RAM */
    Name (VIA1, 0xFEDCBA9876543210)     /* its last address */
    Name (VIA2, 0xFEDCBA9876543210)     /* its length */
    Name (VIA3, 0xFEDCBA9876543210)     /* by bit: slots whose device can leave the running guest */

    /* Power off: the type written to the sleep control register of a hardware-reduced machine. */
    Name (\_S5, Package () { 5, 5, 0, 0 })

    Scope (\_SB)
    {
        /* Keeps the kernel from giving the configuration space to somebody else. */
        Device (MBRD)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000)
                IO (Decode16, 0x0610, 0x0610, 0x00, 0x0C)
            })
        }

        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, One)
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
            })
        }

        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_SEG, Zero)
            Name (_BBN, Zero)
            Name (_UID, Zero)
            Name (_CCA, One)

            Name (WIND, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0x0000, 0x0000, 0, 0x0001)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x1000, 0xFFFF, 0, 0xF000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
                    ReadWrite, 0, 0xC0000000, 0xDFFFFFFF, 0, 0x20000000)
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable,
                    ReadWrite, 0, 0x0, 0x0, 0, 0x1, , , HIGH)
            })

            Method (_CRS, 0, Serialized)
            {
                CreateQWordField (WIND, \_SB.PCI0.HIGH._MIN, LOW)
                CreateQWordField (WIND, \_SB.PCI0.HIGH._MAX, LAST)
                CreateQWordField (WIND, \_SB.PCI0.HIGH._LEN, SIZE)
                LOW = VIA0
                LAST = VIA1
                SIZE = VIA2
                Return (WIND)
            }

            /* Pins of the I/O APIC for INTA to INTD of each slot: LAYOUT_GSI_PCI(). */
            Method (_PRT, 0, Serialized)
            {
                Name (PINS, Package (128) {})
                Name (LINE, Package (4) { 0, 0, 0, 0 })
                Local0 = Zero
                While (Local0 < 128)
                {
                    LINE [0] = ((Local0 >> 2) << 16) | 0xFFFF
                    LINE [1] = Local0 & 3
                    LINE [3] = 16 + (((Local0 >> 2) + (Local0 & 3)) & 7)
                    PINS [Local0] = LINE
                    Local0++
                }
                Return (PINS)
            }

            /* The guest may have all of PCIe for itself: there is no firmware to share it with. */
            Method (_OSC, 4)
            {
                If (Arg0 == ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
                {
                    Return (Arg3)
                }
                CreateDWordField (Arg3, Zero, STAT)
                STAT |= 0x04            /* unrecognised UUID */
                Return (Arg3)
            }

            /*
             * The hot-plug registers (pci/hotplug.h). Slots the guest does not use are left out, as
             * its kernel would look for a function in each. A slot's functions all leave with it.
             */
            OperationRegion (HPRG, SystemIO, 0x0610, 0x0C)
            Field (HPRG, DWordAcc, NoLock, WriteAsZeros)
            {
                CAME, 32,
                GOES, 32,
                EJCT, 32
            }

            If (VIA3 & 0x00000002) { Device (S01) { Name (_ADR, 0x00010000) Name (_SUN, 0x01) Method (_EJ0, 1) { EJCT = 0x01 } } }
            If (VIA3 & 0x00000004) { Device (S02) { Name (_ADR, 0x00020000) Name (_SUN, 0x02) Method (_EJ0, 1) { EJCT = 0x02 } } }
            If (VIA3 & 0x00000008) { Device (S03) { Name (_ADR, 0x00030000) Name (_SUN, 0x03) Method (_EJ0, 1) { EJCT = 0x03 } } }
            If (VIA3 & 0x00000010) { Device (S04) { Name (_ADR, 0x00040000) Name (_SUN, 0x04) Method (_EJ0, 1) { EJCT = 0x04 } } }
            If (VIA3 & 0x00000020) { Device (S05) { Name (_ADR, 0x00050000) Name (_SUN, 0x05) Method (_EJ0, 1) { EJCT = 0x05 } } }
            If (VIA3 & 0x00000040) { Device (S06) { Name (_ADR, 0x00060000) Name (_SUN, 0x06) Method (_EJ0, 1) { EJCT = 0x06 } } }
            If (VIA3 & 0x00000080) { Device (S07) { Name (_ADR, 0x00070000) Name (_SUN, 0x07) Method (_EJ0, 1) { EJCT = 0x07 } } }
            If (VIA3 & 0x00000100) { Device (S08) { Name (_ADR, 0x00080000) Name (_SUN, 0x08) Method (_EJ0, 1) { EJCT = 0x08 } } }
            If (VIA3 & 0x00000200) { Device (S09) { Name (_ADR, 0x00090000) Name (_SUN, 0x09) Method (_EJ0, 1) { EJCT = 0x09 } } }
            If (VIA3 & 0x00000400) { Device (S0A) { Name (_ADR, 0x000A0000) Name (_SUN, 0x0A) Method (_EJ0, 1) { EJCT = 0x0A } } }
            If (VIA3 & 0x00000800) { Device (S0B) { Name (_ADR, 0x000B0000) Name (_SUN, 0x0B) Method (_EJ0, 1) { EJCT = 0x0B } } }
            If (VIA3 & 0x00001000) { Device (S0C) { Name (_ADR, 0x000C0000) Name (_SUN, 0x0C) Method (_EJ0, 1) { EJCT = 0x0C } } }
            If (VIA3 & 0x00002000) { Device (S0D) { Name (_ADR, 0x000D0000) Name (_SUN, 0x0D) Method (_EJ0, 1) { EJCT = 0x0D } } }
            If (VIA3 & 0x00004000) { Device (S0E) { Name (_ADR, 0x000E0000) Name (_SUN, 0x0E) Method (_EJ0, 1) { EJCT = 0x0E } } }
            If (VIA3 & 0x00008000) { Device (S0F) { Name (_ADR, 0x000F0000) Name (_SUN, 0x0F) Method (_EJ0, 1) { EJCT = 0x0F } } }
            If (VIA3 & 0x00010000) { Device (S10) { Name (_ADR, 0x00100000) Name (_SUN, 0x10) Method (_EJ0, 1) { EJCT = 0x10 } } }
            If (VIA3 & 0x00020000) { Device (S11) { Name (_ADR, 0x00110000) Name (_SUN, 0x11) Method (_EJ0, 1) { EJCT = 0x11 } } }
            If (VIA3 & 0x00040000) { Device (S12) { Name (_ADR, 0x00120000) Name (_SUN, 0x12) Method (_EJ0, 1) { EJCT = 0x12 } } }
            If (VIA3 & 0x00080000) { Device (S13) { Name (_ADR, 0x00130000) Name (_SUN, 0x13) Method (_EJ0, 1) { EJCT = 0x13 } } }
            If (VIA3 & 0x00100000) { Device (S14) { Name (_ADR, 0x00140000) Name (_SUN, 0x14) Method (_EJ0, 1) { EJCT = 0x14 } } }
            If (VIA3 & 0x00200000) { Device (S15) { Name (_ADR, 0x00150000) Name (_SUN, 0x15) Method (_EJ0, 1) { EJCT = 0x15 } } }
            If (VIA3 & 0x00400000) { Device (S16) { Name (_ADR, 0x00160000) Name (_SUN, 0x16) Method (_EJ0, 1) { EJCT = 0x16 } } }
            If (VIA3 & 0x00800000) { Device (S17) { Name (_ADR, 0x00170000) Name (_SUN, 0x17) Method (_EJ0, 1) { EJCT = 0x17 } } }
            If (VIA3 & 0x01000000) { Device (S18) { Name (_ADR, 0x00180000) Name (_SUN, 0x18) Method (_EJ0, 1) { EJCT = 0x18 } } }
            If (VIA3 & 0x02000000) { Device (S19) { Name (_ADR, 0x00190000) Name (_SUN, 0x19) Method (_EJ0, 1) { EJCT = 0x19 } } }
            If (VIA3 & 0x04000000) { Device (S1A) { Name (_ADR, 0x001A0000) Name (_SUN, 0x1A) Method (_EJ0, 1) { EJCT = 0x1A } } }
            If (VIA3 & 0x08000000) { Device (S1B) { Name (_ADR, 0x001B0000) Name (_SUN, 0x1B) Method (_EJ0, 1) { EJCT = 0x1B } } }
            If (VIA3 & 0x10000000) { Device (S1C) { Name (_ADR, 0x001C0000) Name (_SUN, 0x1C) Method (_EJ0, 1) { EJCT = 0x1C } } }
            If (VIA3 & 0x20000000) { Device (S1D) { Name (_ADR, 0x001D0000) Name (_SUN, 0x1D) Method (_EJ0, 1) { EJCT = 0x1D } } }
            If (VIA3 & 0x40000000) { Device (S1E) { Name (_ADR, 0x001E0000) Name (_SUN, 0x1E) Method (_EJ0, 1) { EJCT = 0x1E } } }
            If (VIA3 & 0x80000000) { Device (S1F) { Name (_ADR, 0x001F0000) Name (_SUN, 0x1F) Method (_EJ0, 1) { EJCT = 0x1F } } }

            Method (TELL, 2)
            {
                If (Arg0 == 0x01) { Notify (S01, Arg1) }
                If (Arg0 == 0x02) { Notify (S02, Arg1) }
                If (Arg0 == 0x03) { Notify (S03, Arg1) }
                If (Arg0 == 0x04) { Notify (S04, Arg1) }
                If (Arg0 == 0x05) { Notify (S05, Arg1) }
                If (Arg0 == 0x06) { Notify (S06, Arg1) }
                If (Arg0 == 0x07) { Notify (S07, Arg1) }
                If (Arg0 == 0x08) { Notify (S08, Arg1) }
                If (Arg0 == 0x09) { Notify (S09, Arg1) }
                If (Arg0 == 0x0A) { Notify (S0A, Arg1) }
                If (Arg0 == 0x0B) { Notify (S0B, Arg1) }
                If (Arg0 == 0x0C) { Notify (S0C, Arg1) }
                If (Arg0 == 0x0D) { Notify (S0D, Arg1) }
                If (Arg0 == 0x0E) { Notify (S0E, Arg1) }
                If (Arg0 == 0x0F) { Notify (S0F, Arg1) }
                If (Arg0 == 0x10) { Notify (S10, Arg1) }
                If (Arg0 == 0x11) { Notify (S11, Arg1) }
                If (Arg0 == 0x12) { Notify (S12, Arg1) }
                If (Arg0 == 0x13) { Notify (S13, Arg1) }
                If (Arg0 == 0x14) { Notify (S14, Arg1) }
                If (Arg0 == 0x15) { Notify (S15, Arg1) }
                If (Arg0 == 0x16) { Notify (S16, Arg1) }
                If (Arg0 == 0x17) { Notify (S17, Arg1) }
                If (Arg0 == 0x18) { Notify (S18, Arg1) }
                If (Arg0 == 0x19) { Notify (S19, Arg1) }
                If (Arg0 == 0x1A) { Notify (S1A, Arg1) }
                If (Arg0 == 0x1B) { Notify (S1B, Arg1) }
                If (Arg0 == 0x1C) { Notify (S1C, Arg1) }
                If (Arg0 == 0x1D) { Notify (S1D, Arg1) }
                If (Arg0 == 0x1E) { Notify (S1E, Arg1) }
                If (Arg0 == 0x1F) { Notify (S1F, Arg1) }
            }
        }

        /* Generic event device: an interrupt has the guest look which slots changed. */
        If (VIA3)
        {
            Device (EVNT)
            {
                Name (_HID, "ACPI0013")
                Name (_UID, Zero)
                Name (_CRS, ResourceTemplate ()
                {
                    Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 9 }
                })

                Method (EACH, 2, Serialized)    /* slots by bit, what to notify them of */
                {
                    Local0 = Arg0
                    While (Local0)
                    {
                        FindSetRightBit (Local0, Local1)
                        \_SB.PCI0.TELL (Local1 - 1, Arg1)
                        Local0 &= Local0 - 1
                    }
                }

                Method (_EVT, 1, Serialized)
                {
                    EACH (\_SB.PCI0.GOES, 3)    /* eject request */
                    EACH (\_SB.PCI0.CAME, 1)    /* device check */
                }
            }
        }
    }
}
