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
        }
    }
}
