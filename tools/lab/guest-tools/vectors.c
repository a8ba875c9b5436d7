// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A driver for a device that has none: takes all the MSI or MSI-X vectors the device has and
 * counts their interrupts in /proc/interrupts. A program does the rest through sysfs. It
 * drives what driver_override gives it. (Debian's kernel has uio_pci_generic for INTx, and
 * nothing for MSI: VFIO without an IOMMU is left out.)
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

static irqreturn_t vectors_interrupt(int irq, void *data)
{
	return IRQ_HANDLED;
}

static int vectors_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret, count, index;

	ret = pci_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	count = pci_alloc_irq_vectors(pdev, 1, 64, PCI_IRQ_MSIX | PCI_IRQ_MSI);
	if (count < 0) {
		pci_disable_device(pdev);
		return count;
	}
	for (index = 0; index < count; index++) {
		ret = request_irq(pci_irq_vector(pdev, index), vectors_interrupt, 0, pci_name(pdev),
				  pdev);
		if (ret)
			goto err_free;
	}
	pci_set_drvdata(pdev, (void *)(long)count);
	return 0;

err_free:
	while (index--)
		free_irq(pci_irq_vector(pdev, index), pdev);
	pci_free_irq_vectors(pdev);
	pci_disable_device(pdev);
	return ret;
}

static void vectors_remove(struct pci_dev *pdev)
{
	int index = (int)(long)pci_get_drvdata(pdev);

	while (index--)
		free_irq(pci_irq_vector(pdev, index), pdev);
	pci_free_irq_vectors(pdev);
	pci_disable_device(pdev);
}

static struct pci_driver vectors_driver = {
	.name = "vectors",
	.probe = vectors_probe,
	.remove = vectors_remove,
};
module_pci_driver(vectors_driver);

MODULE_DESCRIPTION("Counts the message interrupts of a device without a driver");
MODULE_LICENSE("GPL");
